from __future__ import annotations

import asyncio
from typing import Any

import faust
from aiohttp.test_utils import TestClient, TestServer

from streamseg.ops.health import Health
from streamseg.ops.metrics import Metrics
from streamseg.web import mount


def asked(health: Health, *paths: str) -> list[tuple[int, str, str]]:
    app = faust.App(f"pages-{id(health)}", broker="kafka://127.0.0.1:1", web_enabled=False)
    mount(app, health, Metrics())

    async def ask() -> list[tuple[int, str, str]]:
        web: Any = app.web  # Faust's type is that of any driver; the aiohttp one holds the application
        web.init_server()
        async with TestClient(TestServer(web.web_app)) as client:
            return [(r.status, r.headers["Content-Type"], await r.text()) for r in [await client.get(p) for p in paths]]

    return asyncio.run(ask())


def test_a_worker_without_a_model_is_alive_and_not_ready_with_the_reason() -> None:
    health = Health()
    health.started()
    health.waits("model", "no model")
    live, ready = asked(health, "/livez", "/readyz")
    assert (live[0], live[2]) == (200, "ok\n")
    assert (ready[0], ready[2]) == (503, "no model\n")


def test_metrics_are_served_in_the_text_format_of_prometheus() -> None:
    (page,) = asked(Health(), "/metrics")
    assert (page[0], page[1]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "streamseg_sweep_backlog" in page[2]


def test_readiness_is_a_metric_too() -> None:
    health = Health()
    assert "streamseg_ready 0.0" in asked(health, "/metrics")[0][2]
    health.started()
    assert "streamseg_ready 1.0" in asked(health, "/metrics")[0][2]
