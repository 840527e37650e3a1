"""The demo from beginning to end: train, publish, serve, stream, show, check, sum up.

Arrives: the options of the command. Leaves: an exit code, text for a person, and the summary as JSON where asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time_ns
from typing import Any, Final

import orjson

from streamseg.core.spec import CoreSpec
from streamseg.demo.feed import Feed
from streamseg.demo.history import CUT_AT, Halves, base_currency, halves
from streamseg.demo.screen import View, numbers, screen
from streamseg.demo.tally import Tally
from streamseg.demo.validity import checker
from streamseg.demo.worker_process import WorkerProcess, worker_process
from streamseg.errors import InvariantError, StreamsegError
from streamseg.kafka import registry
from streamseg.kafka.admin import create_topics
from streamseg.kafka.client import KafkaAccess
from streamseg.kafka.embedded import embedded_broker
from streamseg.kafka.produce import produce
from streamseg.kafka.watch import watch
from streamseg.model.artifact import load
from streamseg.model.train import train
from streamseg.wire.model_decisions import Why
from streamseg.wire.times import rfc3339

TOP_RATE: Final = 20_000.0
"""Touchpoints a second, never reached: the feed sets the pace, this keeps the slices of the publisher at 400."""
RATE_OVER_S: Final = 3.0
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    dataset: str = "online_retail"
    json: Path | None = None
    plain: bool = False
    seconds: float = 60.0
    """How long the stream lasts, if the worker keeps up."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """What was seen of the stream, at its end."""

    produced: int
    committed: tuple[int, int]
    """Changes and alerts that the worker says it has committed."""
    view: View
    tally: Tally
    worker_exit: int


def run(options: Options) -> int:
    """Run the demo; 0 if everything that was published was received, scored and valid.

    Raises:
        StreamsegError: With what went wrong, and the worker's last words where it was the worker.
    """
    started = monotonic()
    print(f"reading {options.dataset} ...", flush=True)
    data = halves(options.dataset)
    cut = CUT_AT[options.dataset][:10]
    print(f"training on {sum(map(len, data.earlier)):,} touchpoints before {cut} ...", flush=True)
    trained = train(data.earlier, spec=CoreSpec())
    version = load(trained.artifact, spec=CoreSpec().windows).version
    judged = trained.candidate
    print(
        f"model {version} after {monotonic() - started:.0f} s: AUC {judged.auc:.3f}, log loss {judged.log_loss:.3f} on "
        f"{judged.rows:,} outcomes that it had not seen",
        flush=True,
    )
    with embedded_broker() as bootstrap, worker_process(bootstrap, _settings(options.dataset)) as worker:
        print(f"streaming {len(data.later):,} touchpoints from {cut} on through Kafka at {bootstrap} ...", flush=True)
        try:
            streamed = asyncio.run(_stream(options, data, bootstrap, worker, (version, trained.artifact)))
        except TimeoutError as error:
            raise InvariantError(f"the worker makes no progress; its log: {worker.log_tail()}") from error
    return _conclude(options, streamed, monotonic() - started)


def _settings(dataset: str) -> dict[str, str]:
    return {"STREAMSEG_BASE_CURRENCY": base_currency(dataset)}


# --- streaming --------------------------------------------------------------------------------------------------------


async def _stream(
    options: Options, data: Halves, bootstrap: str, worker: WorkerProcess, model: tuple[str, bytes]
) -> Streamed:
    access, tally = KafkaAccess(bootstrap), Tally(checker())
    await create_topics(access)
    why = Why("operator", time_ns() // 1_000_000, ("the first half of the data trained it",))
    await registry.publish(access, *model, why=why)
    await worker.until_ready()
    feed = Feed(data.later_ms, seconds=options.seconds, received=lambda: worker.said.received)
    with screen(plain=options.plain) as shown:
        gauge = _Gauge(feed, worker, tally)
        async with _beside(worker.listen(), _collect(access, tally), gauge.draw(shown.show)):
            produced = await produce(access, data.later, rate=TOP_RATE, admit=feed.admit)
            feed.sent = produced
            await feed.wait_until(lambda: worker.said.received >= produced and worker.said.backlog == 0)
            said = worker.said
            # What was committed is visible by now or in a moment; the reader needs to fetch it.
            deadline = monotonic() + 10
            while (tally.changes, tally.alerts) != (said.changes, said.alerts) and monotonic() < deadline:
                await asyncio.sleep(0.1)
                said = worker.said
        view = gauge.view()
    return Streamed(produced, (said.changes, said.alerts), view, tally, await asyncio.to_thread(worker.stop))


async def _collect(access: KafkaAccess, tally: Tally) -> None:
    async with aclosing(watch(access, from_beginning=True)) as outputs:
        async for seen in outputs:
            if seen is not None:
                tally.take(seen.topic, seen.value)


@asynccontextmanager
async def _beside(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run these while the block lasts; the first that fails ends the block with its error."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
            yield
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as failed:
        raise next((e for e in failed.exceptions if isinstance(e, StreamsegError)), failed.exceptions[0]) from None


class _Gauge:
    """Makes the view of the moment; keeps the last seconds for the rate."""

    def __init__(self, feed: Feed, worker: WorkerProcess, tally: Tally) -> None:
        self._feed, self._worker, self._tally = feed, worker, tally
        self._past: list[tuple[float, int]] = [(monotonic(), 0)]

    async def draw(self, show: Any) -> None:
        """Show the moment, four times a second, without end."""
        while True:
            show(self.view())
            await asyncio.sleep(0.25)

    def view(self) -> View:
        """The moment."""
        said, tally, now = self._worker.said, self._tally, monotonic()
        self._past = [one for one in self._past if now - one[0] <= RATE_OVER_S] or self._past[-1:]
        since, received = self._past[0]
        self._past.append((now, said.received))
        return View(
            day=rfc3339(self._feed.now_ms)[:10],
            speed=self._feed.speed / DAY_S,
            share=self._feed.sent / self._feed.total,
            received=said.received,
            scored=said.scored,
            rate=(said.received - received) / max(now - since, 0.25),
            lag=max(0, self._feed.sent - said.received),
            latency_ms=(said.latency_ms(0.5), said.latency_ms(0.99)),
            changes=tally.changes,
            alerts=tally.alerts,
            dead_letters=said.dead_letters,
            sizes=tally.sizes,
            last_changes=tuple(tally.last_changes),
            last_alerts=tuple(tally.last_alerts),
        )


# --- the end ----------------------------------------------------------------------------------------------------------


def _conclude(options: Options, streamed: Streamed, duration_s: float) -> int:
    view, tally = streamed.view, streamed.tally
    summary = {
        "events_produced": streamed.produced,
        "events_in": view.received,
        "events_scored": view.scored,
        "changes": tally.changes,
        "alerts": tally.alerts,
        "profiles": tally.profiles,
        "dead_letters": view.dead_letters,
        "outputs_invalid": tally.invalid,
        "latency_p50_ms": view.latency_ms[0],
        "latency_p99_ms": view.latency_ms[1],
        "duration_s": round(duration_s, 1),
    }
    if options.json is not None:
        options.json.write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2) + b"\n")
    print(f"\n{numbers(view)}")
    print("\nsegments at the end:")
    for name, size in tally.sizes.most_common():
        print(f"  {size:6,}  {name}")
    for title, lines in (("last alerts", tally.last_alerts), ("last changes", tally.last_changes)):
        print(f"\n{title}:")
        print("\n".join(f"  {line}" for line in lines) or "  none")
    problems = _problems(streamed)
    if problems:
        raise InvariantError(f"the demo failed: {'; '.join(problems)}")
    outputs = tally.changes + tally.alerts + tally.profiles
    print(
        f"\ndone in {duration_s:.0f} s: {streamed.produced:,} touchpoints published, all received; "
        f"{outputs:,} outputs, all valid against their schemas"
    )
    return 0


def _problems(streamed: Streamed) -> list[str]:
    tally, view = streamed.tally, streamed.view
    problems = []
    if view.received != streamed.produced:
        problems.append(f"{streamed.produced:,} touchpoints were published and {view.received:,} received")
    if tally.invalid:
        problems.append(f"{tally.invalid:,} outputs are not valid, the first: {tally.first_problem}")
    # Alerts are not asked for: of the households of The Complete Journey, 94 % buy again, and none may be at risk.
    if not tally.changes:
        problems.append("no segment change came out")
    if (tally.changes, tally.alerts) != streamed.committed and not tally.invalid:
        problems.append(
            f"{streamed.committed} changes and alerts were committed, {(tally.changes, tally.alerts)} read back"
        )
    if streamed.worker_exit:
        problems.append(f"the worker ended with exit code {streamed.worker_exit}")
    return problems
