"""`/metrics`, `/livez` and `/readyz` on the web server of the Faust app, the worker's only port.

Arrives: what is asked and who answers (health, metrics). Leaves: plain text; 200 for yes, 503 with the reason for no.
"""

from __future__ import annotations

from typing import Any, Protocol

from aiohttp.web import Request, Response

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class Answers(Protocol):
    """Yes, or no with its reasons in words."""

    @property
    def ok(self) -> bool: ...
    @property
    def text(self) -> str: ...


class Healthy(Protocol):
    """Who knows whether the worker lives and is ready: `ops.health.Health`."""

    @property
    def live(self) -> Answers: ...
    @property
    def ready(self) -> Answers: ...


class Measured(Protocol):
    """Who has the numbers: `ops.metrics.Metrics`."""

    def ready(self, is_ready: bool) -> None: ...
    def render(self) -> bytes: ...


def mount(app: Any, health: Healthy, metrics: Measured) -> None:
    """Add the three pages to a Faust app, before it starts."""

    @app.page("/metrics")  # type: ignore[untyped-decorator]  # Faust's decorator is not typed
    async def show_metrics(_view: Any, _request: Request) -> Response:
        metrics.ready(health.ready.ok)
        return Response(body=metrics.render(), headers={"Content-Type": TEXT_FORMAT})

    @app.page("/livez")  # type: ignore[untyped-decorator]  # as above
    async def show_live(_view: Any, _request: Request) -> Response:
        return _reply(health.live)

    @app.page("/readyz")  # type: ignore[untyped-decorator]  # as above
    async def show_ready(_view: Any, _request: Request) -> Response:
        return _reply(health.ready)


def _reply(answer: Answers) -> Response:
    return Response(text=answer.text + "\n", status=200 if answer.ok else 503)
