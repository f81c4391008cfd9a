# One image for every process: api, worker, migrate. And, for development, one with the simulated gateways beside them:
#   docker build --target simulator .
# The Python is the one that the tests run on.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS packages
COPY requirements.lock /requirements.lock
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --no-compile --require-hashes --requirement /requirements.lock \
    && /opt/venv/bin/python -m compileall -q -j 0 /opt/venv/lib

FROM python:${PYTHON} AS product
LABEL org.opencontainers.image.title="Onetill" \
      org.opencontainers.image.description="A merchant's own payment backend"
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/srv/onetill \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN groupadd --gid 10001 onetill \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin onetill
COPY --from=packages /opt/venv /opt/venv
# Root owns the code, so the process cannot change it. app/paths.py finds the other folders beside app/.
WORKDIR /srv/onetill
COPY --chmod=0755 scripts/image/onetill scripts/image/healthy /opt/venv/bin/
COPY migrations migrations
COPY templates templates
COPY static static
COPY README.md README.ko.md CHANGELOG.md CONTRIBUTING.md ./
COPY docs docs
COPY app app
RUN python -m compileall -q app migrations
USER 10001:10001
EXPOSE 8000
# Says that the process answers, not that the database does: a restart would not bring the database back.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["healthy", "http://127.0.0.1:8000/healthz"]
ENTRYPOINT ["onetill"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--workers", "2"]

FROM product AS simulator
LABEL org.opencontainers.image.description="Onetill with simulated gateways, for development"
USER root
COPY simulator simulator
RUN python -m compileall -q simulator
USER 10001:10001

# Without --target: the product, which holds nothing of the simulator.
FROM product
