"""The composition root of the worker: reads the environment once and builds the Faust app around the inference worker.

`faust -A streamseg.app worker` and `streamseg worker` start the same app. Faust brings the service tree, the signals
and the web server; it opens no connection to Kafka itself, so its consumer group can never be the inference group.
"""

from __future__ import annotations

import gc
import logging
import os
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.app import BootStrategy
from faust.cli.base import prepare_app
from mode import Service

from streamseg import compose
from streamseg.errors import StreamsegError
from streamseg.kafka.changelog import changelog_topic
from streamseg.kafka.client import KafkaAccess
from streamseg.kafka.intake import Turns
from streamseg.kafka.model_feed import ModelFeed
from streamseg.kafka.partition_agent import AgentRules, PartitionAgent
from streamseg.kafka.worker import InferenceWorker, Membership
from streamseg.model.artifact import Artifact
from streamseg.ops.committed import record
from streamseg.ops.health import Health
from streamseg.ops.logging import configuration
from streamseg.ops.metrics import Metrics
from streamseg.pipeline import Pipeline, Rules
from streamseg.rehearsal import rehearse
from streamseg.settings import Settings, load
from streamseg.web.pages import mount
from streamseg.wire.topics import TOUCHPOINTS

READINESS_EVERY_S = 1.0
SCORING_THREADS = 2
"""Most of scoring are compiled loops, which hold no lock: a second thread brought 5 to 13 % more touchpoints on two
cores with the broker beside, and a fifth less at p99. More would wait for what Python does between the loops."""
SHUTDOWN_S = 3.0
"""What remains after the drain within the time that SIGTERM allows: closing the web server, the loop, the process."""


class WithoutKafka(BootStrategy):
    """Faust's own consumer, producer, tables and assignor are never started: inference is a service beside them."""

    enable_kafka = False


class WorkerApp(faust.App):
    """A Faust app that holds services and a web server, and keeps nothing on disk."""

    BootStrategy = WithoutKafka

    async def on_first_start(self) -> None:
        """Make no data directory: nothing is kept on this machine."""


class WorkerProcess(faust.Worker):
    """Faust's worker process with our log as it is set, whichever command started it: no spinner, no own level."""

    def on_setup_root_logger(self, logger: logging.Logger, level: int) -> None:
        """Leave the handlers as our settings made them."""
        self.spinner = None


def create_app(settings: Settings) -> WorkerApp:
    """Build the worker from its settings; nothing is connected before it starts.

    Raises:
        ConfigError: If settings don't fit together.
    """
    _spare_the_collector()
    worker, health, metrics = settings.worker, Health(), Metrics()
    app = WorkerApp(
        f"{worker.group_id}-control",
        broker=f"kafka://{settings.kafka.bootstrap_servers.replace(',', ';kafka://')}",
        Worker=WorkerProcess,
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=worker.metrics_port != 0,
        web_bind=worker.metrics_host,
        web_host=worker.metrics_host,
        web_port=worker.metrics_port or 6066,  # Faust refuses 0 also where its web server is off
        logging_config=configuration(worker.log_level, worker.log_format),
        worker_redirect_stdouts=False,
    )
    mount(app, health, metrics)
    app.service(_inference(settings, health, metrics))
    return app


def _inference(settings: Settings, health: Health, metrics: Metrics) -> type[InferenceWorker]:
    """The service for Faust's tree, which makes it when the app starts."""
    rules, access = compose.rules(settings, live=True), compose.kafka_access(settings)

    class Inference(InferenceWorker):
        def __init__(self, **options: Any) -> None:
            models = _model_feed(access, rules, health, metrics)
            # Pipelines run here; the loop keeps its heartbeats meanwhile.
            scoring = ThreadPoolExecutor(max_workers=SCORING_THREADS, thread_name_prefix="scoring")
            decoding = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decoding")
            super().__init__(
                access,
                _membership(settings),
                models,
                new_agent=partial(
                    _new_agent, access, _agent_rules(settings), rules, models, decoding, scoring, Turns(), metrics
                ),
                health=health,
                metrics=metrics,
                scoring=scoring,
                drain_s=max(1.0, settings.worker.drain_seconds - SHUTDOWN_S),
                watchdog_s=settings.worker.watchdog_seconds,
                **options,
            )

        async def on_started(self) -> None:
            health.started()

        @Service.task
        async def _tell_readiness(self) -> None:
            while not self.should_stop:
                metrics.ready(health.ready.ok)
                await self.sleep(READINESS_EVERY_S)

    return Inference


def _model_feed(access: KafkaAccess, rules: Rules, health: Health, metrics: Metrics) -> ModelFeed:
    def loaded(artifact: Artifact) -> None:
        health.has("model")
        metrics.uses_model(artifact.version, artifact.scorer.blend.name, artifact.manifest.data_until_ms)

    return ModelFeed(
        access,
        windows=rules.spec.windows,
        horizon_days=rules.horizon_days,
        prepare=partial(rehearse, rules),
        loaded=loaded,
        missing=partial(health.waits, "model"),
    )


def _new_agent(
    access: KafkaAccess,
    agent_rules: AgentRules,
    rules: Rules,
    models: ModelFeed,
    decoding: Executor,
    scoring: Executor,
    turns: Turns,
    metrics: Metrics,
    source: TopicPartition,
    group: AIOKafkaConsumer,
) -> PartitionAgent:
    return PartitionAgent(
        access,
        agent_rules,
        source,
        new_pipeline=partial(Pipeline, rules, partition=source.partition, topic=source.topic),
        model=models.current,
        committed_offset=group.committed,
        decoding=decoding,
        scoring=scoring,
        turns=turns,
        tell=partial(record, metrics),
        restored=metrics.restored,
        failed=metrics.aborted,
    )


def run_worker(settings: Settings) -> int:
    """Run the worker until SIGTERM or SIGINT; the exit code.

    Raises:
        StreamsegError: What ended the worker, if it was one of ours.
    """
    app = create_app(settings)
    prepare_app(app, "streamseg.app")
    process = WorkerProcess(app, loglevel=settings.worker.log_level, redirect_stdouts=False, quiet=True)
    try:
        process.execute_from_commandline()
    except SystemExit as end:
        if isinstance(process.crash_reason, StreamsegError):
            raise process.crash_reason from None
        return int(end.code or 0)


def _spare_the_collector() -> None:
    """Look for reference cycles less often: a batch is thousands of records and none of them is in a cycle.

    Python's default (every 700 objects) cost scoring and the event loop a tenth of their time.
    """
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    gc.enable()


def __getattr__(name: str) -> WorkerApp:
    """`app`, made when it is first asked for (by `faust -A streamseg.app`), so that an import reads no environment."""
    if name != "app":
        raise AttributeError(f"module 'streamseg.app' has no attribute {name!r}")
    made = create_app(load(os.environ))
    globals()["app"] = made
    return made


def _agent_rules(settings: Settings) -> AgentRules:
    worker = settings.worker
    return AgentRules(
        group_id=worker.group_id,
        changelog=changelog_topic(worker.group_id),
        wall_clock=worker.clock == "wall",
        max_batch_records=worker.max_batch_records,
        flush_deadline_ms=worker.flush_deadline_ms,
        sweep_slice=worker.sweep_slice_customers,
        idle_after_ms=worker.idle_after_ms,
        commit_limit_s=settings.kafka.transaction_timeout_ms / 1000,
    )


def _membership(settings: Settings) -> Membership:
    kafka, worker = settings.kafka, settings.worker
    return Membership(
        group_id=worker.group_id,
        topic=TOUCHPOINTS,
        instance_id=worker.instance_id or None,
        session_timeout_ms=kafka.session_timeout_ms,
        heartbeat_interval_ms=kafka.heartbeat_interval_ms,
        max_poll_interval_ms=kafka.max_poll_interval_ms,
    )
