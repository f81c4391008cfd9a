# Everything a person or a machine does here. `make demo` and `make test` need no other step first.

PYTHON ?= python3
# More words for the command, for example: make test ARGS="-k checkout", make demo ARGS="--port 9000"
ARGS ?=

BIN := .venv/bin
READY := .venv/.ready
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"

.PHONY: help setup run demo check test test-long flood soak bench lock migrate openapi docs clients

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Install everything, as locked, into .venv

demo: $(READY) ## Run all of it on this machine: Postgres, simulated gateways, API, worker and a shop
	@$(BIN)/onetill demo $(ARGS)

test: $(READY) ## Run the tests, all but the long ones
	@scripts/run-tests $(ARGS)

test-long: $(READY) ## Run kill runs, races, machines and browser matrices, at a reduced length
	@scripts/run-tests long $(ARGS)

flood: $(READY) ## Flood the product beside a shop that sells, on a machine that does nothing else; prints its numbers
	@scripts/run-tests alone -s $(ARGS)

soak: $(READY) ## Run those at full length, by hand, and write docs/soak-report.md
	@scripts/soak $(ARGS)

check: $(READY) ## Lint, format, types, the direction of imports, and that the API only grows; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd examples/bookshop && MYPYPATH=../../clients/python ../../$(BIN)/mypy --strict .
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m scripts.openapi check origin/main HEAD~1

openapi: $(READY) ## Write docs/openapi.json anew from the code
	@$(BIN)/python -m scripts.openapi write

docs: openapi ## Write everything in the documents anew that follows from the code
	@$(BIN)/python -m scripts.states
	@$(BIN)/python -m scripts.from_manifests
	@$(BIN)/python -m scripts.scenarios

clients: $(READY) ## Write the types of clients/ anew from docs/openapi.json; needs a network
	@scripts/make-clients

migrate: $(READY) ## Bring the database of ONETILL_DATABASE_URL to the newest schema
	@$(BIN)/onetill migrate

run: $(READY) ## Serve the API on the database of ONETILL_DATABASE_URL
	@$(BIN)/onetill serve $(ARGS)

bench: $(READY) ## Measure
	@$(BIN)/python -m benchmarks $(ARGS)

lock: $(READY) ## Write the locks again from pyproject.toml; ARGS=--upgrade takes newer releases
	$(COMPILE) $(ARGS) --output-file requirements.lock
	$(COMPILE) $(ARGS) --extra dev --constraints requirements.lock --output-file requirements-dev.lock

$(READY): requirements-dev.lock pyproject.toml
	@PYTHON=$(PYTHON) scripts/make-venv
	@touch $@
