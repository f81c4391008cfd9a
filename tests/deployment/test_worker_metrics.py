"""A worker tells its own numbers: how late webhooks are looked into is known nowhere else."""

import os
import subprocess
import sys
import time

import httpx

from app.paths import ROOT
from app.ports import free_ports
from tests.support.databases import Urls

CLEAN = {name: text for name, text in os.environ.items() if not name.startswith("ONETILL_")}


def test_a_worker_serves_its_metrics_where_it_is_told_to(urls: Urls) -> None:
    port = free_ports()
    environment = CLEAN | {"ONETILL_DATABASE_URL": urls.app, "ONETILL_LOG_LEVEL": "error"}
    command = [sys.executable, "-m", "app.cli", "worker", "--metrics-port", str(port)]
    worker = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        deadline = time.monotonic() + 120
        text = ""
        while "onetill_verification_lag_seconds" not in text:
            assert time.monotonic() < deadline
            assert worker.poll() is None
            try:
                text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=120).text
            except httpx.TransportError:
                time.sleep(0.1)
        assert "onetill_look_ups" in text
    finally:
        worker.terminate()
        assert worker.wait(120) == 0
