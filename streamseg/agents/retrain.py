"""The retraining agent: a Faust app and process of its own, so that training never takes the event path's time.

Commands and the clock arrive; each makes the steward look. What an operator must mend is said, and the agent goes on.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import faust
from aiokafka.errors import KafkaError
from faust.app import BootStrategy
from faust.auth import SASLCredentials, SSLCredentials
from faust.cli.base import prepare_app
from prometheus_client import start_http_server

from streamseg import compose
from streamseg.agents.steward import Steward
from streamseg.errors import StreamsegError
from streamseg.kafka.client import KafkaAccess
from streamseg.ops.logging import configuration
from streamseg.ops.retrain_metrics import RetrainMetrics
from streamseg.settings import Settings
from streamseg.wire.topics import RETRAIN_COMMANDS

log = logging.getLogger(__name__)

LONGEST_TRAINING_S = 12 * 3_600.0
"""A command is answered for by then; before, its agent is not taken for stuck."""


class _Boot(BootStrategy):
    enable_web = False


class RetrainApp(faust.App):
    """Faust without a web server and without a folder on disk."""

    BootStrategy = _Boot

    async def on_first_start(self) -> None:
        """Make no data directory."""


def create_app(settings: Settings, steward: Steward) -> RetrainApp:
    """Build the retraining app; nothing is connected before it starts."""
    access = compose.kafka_access(settings)
    app = RetrainApp(
        f"{settings.worker.group_id}-retrain",
        broker=[f"kafka://{address}" for address in access.bootstrap_servers.split(",")],
        broker_credentials=_credentials(access),
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_processing_timeout=LONGEST_TRAINING_S,
        broker_max_poll_interval=LONGEST_TRAINING_S,
        # A killed agent's place in the group is free after it, and the next one begins only then.
        broker_session_timeout=settings.kafka.session_timeout_ms / 1000,
        broker_heartbeat_interval=settings.kafka.heartbeat_interval_ms / 1000,
        logging_config=configuration(settings.worker.log_level, settings.worker.log_format),
        worker_redirect_stdouts=False,
    )
    one_at_a_time = asyncio.Lock()

    async def look(*, commanded_ms: int | None = None) -> None:
        async with one_at_a_time:
            try:
                await steward.look(commanded_ms=commanded_ms)
            except (StreamsegError, KafkaError, TimeoutError, OSError) as reason:
                log.error("nothing was done: %s", reason)

    # Raw: any record is a command, and Faust would end its agent over one that isn't JSON.
    @app.agent(app.topic(RETRAIN_COMMANDS, key_serializer="raw", value_serializer="raw"))
    async def obey(commands: Any) -> None:
        async for event in commands.events():
            await look(commanded_ms=round(event.message.timestamp * 1000))

    @app.task  # type: ignore[untyped-decorator]  # Faust's
    async def keep_watch() -> None:
        while not app.should_stop:
            await look()
            await app.sleep(settings.retrain.look_seconds)

    return app


def run_retrain(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    chosen, metrics = settings.retrain, RetrainMetrics()
    with ExitStack() as held:
        directory = Path(
            chosen.directory or held.enter_context(tempfile.TemporaryDirectory(prefix="streamseg-retrain-"))
        )
        directory.mkdir(parents=True, exist_ok=True)
        if chosen.metrics_port:
            server, _ = start_http_server(chosen.metrics_port, settings.worker.metrics_host, metrics.registry)
            held.callback(server.shutdown)
        app = create_app(settings, Steward(settings, directory, metrics))
        prepare_app(app, "streamseg.agents.retrain")
        try:
            faust.Worker(
                app, loglevel=settings.worker.log_level, redirect_stdouts=False, quiet=True
            ).execute_from_commandline()
        except SystemExit as end:
            return int(end.code or 0)


def _credentials(access: KafkaAccess) -> Any:
    """The same proof of who we are, in Faust's words."""
    options = access.options()
    context = options.get("ssl_context")
    if access.security_protocol.startswith("SASL"):
        return SASLCredentials(
            username=access.username, password=access.password, mechanism=access.sasl_mechanism, ssl_context=context
        )
    return SSLCredentials(context) if context is not None else None
