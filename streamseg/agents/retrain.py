"""The retraining agent: a Faust app and process of its own, so that training never takes the event path's time.

Commands and a schedule arrive; models that beat the incumbent leave, into the registry, where every worker hears of
them. It refuses to publish what its own judgement advises against.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import faust
from faust.app import BootStrategy
from faust.auth import SASLCredentials, SSLCredentials
from faust.cli.base import prepare_app

from streamseg import compose
from streamseg.agents.history import read_history
from streamseg.errors import ConfigError, StreamsegError
from streamseg.kafka.client import KafkaAccess
from streamseg.kafka.registry import publish, read
from streamseg.model.artifact import Artifact, load
from streamseg.model.train import Trained, train
from streamseg.ops.logging import configuration
from streamseg.settings import Settings
from streamseg.wire.topics import RETRAIN_COMMANDS

log = logging.getLogger(__name__)

HOUR_S = 3_600.0
LONGEST_TRAINING_S = 12 * HOUR_S
"""A command is answered for by then; before, its agent is not taken for stuck."""


async def retrain(settings: Settings) -> str | None:
    """Train on all touchpoints, judge on a time split, and publish if the candidate beats the incumbent.

    Returns:
        The version that was published; None if the judgement was against it.

    Raises:
        ConfigError: If there is too little to learn from.
        TransientError: If the brokers did not answer.
    """
    access, spec = compose.kafka_access(settings), compose.core_spec(settings)
    batches = await read_history(access, compose.decode_limits(settings, live=True))
    incumbent = await _incumbent(access, settings)

    def work() -> tuple[Trained, str]:
        trained = train(batches, spec=spec, plan=compose.training_plan(settings), incumbent=incumbent)
        return trained, load(trained.artifact, spec=spec.windows).version

    # In a thread of its own: heartbeats of the command's consumer go on meanwhile.
    trained, version = await asyncio.to_thread(work)
    reasons = "; ".join(trained.verdict.reasons)
    if not trained.verdict.promote:
        log.warning("model %s is not published: %s", version, reasons)
        return None
    await publish(access, version, trained.artifact)
    log.info("model %s is published and current: %s", version, reasons)
    return version


async def _incumbent(access: KafkaAccess, settings: Settings) -> Artifact | None:
    registry = await read(access)
    if registry.current is None:
        return None
    try:
        return load(registry.model(registry.current).data, spec=compose.core_spec(settings).windows)
    except ConfigError as reason:
        log.warning("the current model can't be compared with: %s", reason)
        return None


class _Boot(BootStrategy):
    enable_web = False


class RetrainApp(faust.App):
    """Faust without a web server and without a folder on disk."""

    BootStrategy = _Boot

    async def on_first_start(self) -> None:
        """Make no data directory."""


def create_app(settings: Settings) -> RetrainApp:
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
        logging_config=configuration(settings.worker.log_level, settings.worker.log_format),
        worker_redirect_stdouts=False,
    )
    one_at_a_time = asyncio.Lock()

    async def attempt(cause: str) -> None:
        """One retraining; what an operator must mend is said, and the next command finds the agent still there."""
        async with one_at_a_time:
            log.info("retraining %s", cause)
            try:
                await retrain(settings)
            except StreamsegError as reason:
                log.error("retraining failed: %s", reason)

    # Raw: any record is a command, and Faust would end its agent over one that isn't JSON.
    @app.agent(app.topic(RETRAIN_COMMANDS, key_serializer="raw", value_serializer="raw"))
    async def obey(commands: Any) -> None:
        async for _ in commands:
            await attempt("on command")

    if settings.retrain.interval_hours > 0:

        @app.timer(interval=settings.retrain.interval_hours * HOUR_S)  # type: ignore[untyped-decorator]  # Faust's
        async def keep_schedule() -> None:
            await attempt("on schedule")

    return app


def run_retrain(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    app = create_app(settings)
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
