"""The current model of a worker: followed in the registry, loaded beside the event path, swapped in when sound.

Announcements arrive; a scorer stands ready to be taken between transactions. It refuses to let go of a model that
works: a version that can't be loaded is reported, and the one before it serves on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

from aiokafka.errors import KafkaError

from streamseg.core.scores import Scorer
from streamseg.core.windows import WindowSpec
from streamseg.errors import ConfigError, TransientError
from streamseg.kafka.client import KafkaAccess
from streamseg.kafka.registry import follow
from streamseg.model.artifact import Artifact, load
from streamseg.wire.topics import MODELS

log = logging.getLogger(__name__)

NO_MODEL: Final = "no model: publish one with `streamseg models publish FILE`"
RETRY_S: Final = 5.0
KEPT: Final = 2
"""Loaded models: the current one, and the one that a rollback goes back to."""


class ModelFeed:
    """Follows the registry without a group, so every worker hears every announcement.

    Args:
        access: Where Kafka is.
        windows: A model for other windows is refused.
        horizon_days: A model for another horizon is refused.
        prepare: Called with each new scorer, in a thread of its own, before it becomes current.
        loaded: Called with each model that becomes current.
        missing: Called with the reason whenever there is no current model that works.
        topic: Name of the registry's topic.
    """

    def __init__(
        self,
        access: KafkaAccess,
        *,
        windows: WindowSpec,
        horizon_days: float,
        prepare: Callable[[Scorer], None],
        loaded: Callable[[Artifact], None],
        missing: Callable[[str], None],
        topic: str = MODELS,
    ) -> None:
        self._access, self._topic = access, topic
        self._windows, self._horizon_days = windows, horizon_days
        self._prepare, self._loaded, self._missing = prepare, loaded, missing
        self._current: Artifact | None = None
        self._kept: dict[str, Artifact] = {}
        self._arrived = asyncio.Event()

    async def ready(self) -> None:
        """Wait until there is a model."""
        await self._arrived.wait()

    def current(self) -> Scorer:
        """The model to score with; the same object until another one is current. Call after `ready`."""
        assert self._current is not None  # `ready` was awaited: the worker's order of start.
        return self._current.scorer

    async def run(self) -> None:
        """Follow the registry until cancelled; while it can't be read, the last model serves on.

        Raises:
            KafkaError: If the registry may not be read.
        """
        while True:
            try:
                await self._follow()
            except (TransientError, TimeoutError, OSError, KafkaError) as reason:
                if isinstance(reason, KafkaError) and not reason.retriable:
                    raise
                log.warning("the model registry can't be read: %r; trying again in %.0f s", reason, RETRY_S)
            await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        async with aclosing(follow(self._access, topic=self._topic)) as states:
            async for registry in states:
                version = registry.current
                if version is None:
                    self._without(NO_MODEL)
                elif self._current is None or version != self._current.version:
                    try:
                        await self._take(version, registry.model(version).data)
                    except ConfigError as refused:
                        self._without(f"model {version} is refused: {refused}")

    async def _take(self, version: str, data: bytes) -> None:
        artifact = self._kept.get(version)
        if artifact is None:
            artifact = await asyncio.to_thread(load, data, spec=self._windows)
        if artifact.scorer.horizon_days != self._horizon_days:
            raise ConfigError(
                f"it forecasts {artifact.scorer.horizon_days:g} days and churn_horizon_days is {self._horizon_days:g}; "
                f"train a model for this horizon or change the setting"
            )
        if version not in self._kept:
            await asyncio.to_thread(self._prepare, artifact.scorer)
        self._kept[version] = artifact
        for old in list(self._kept)[:-KEPT]:
            del self._kept[old]
        self._current = artifact
        self._loaded(artifact)
        self._arrived.set()
        log.info("model %s is current", version)

    def _without(self, reason: str) -> None:
        if self._current is None:
            self._missing(reason)
        else:
            log.error("%s; model %s serves on", reason, self._current.version)
