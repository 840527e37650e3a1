"""What each command does, in a few lines that call the room which does the work.

Arrives: the parsed command line; the environment is read once a command (surroundings.py). Leaves: an exit code, and
what is printed. Packages are imported inside, by the command that needs them: `streamseg --help` must not wait for
numpy.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streamseg.errors import ConfigError
from streamseg.surroundings import find_brokers, load_settings, read_artifact

if TYPE_CHECKING:
    from streamseg.wire.topics import Topic

OK: Final = 0
FAILED: Final = 1
WRONG: Final = 2
"""Exit codes; `WRONG` is also what argparse gives to a wrong command line."""


def _topics() -> list[Topic]:
    from streamseg.kafka.changelog import topics_of

    return topics_of(load_settings().worker.group_id)


def settings(_: argparse.Namespace) -> int:
    """Show the effective settings."""
    from streamseg.settings import render

    print(render(load_settings()), end="")
    return OK


def demo(arguments: argparse.Namespace) -> int:
    """Run the demo."""
    from streamseg.demo import Options, run

    return run(Options(arguments.dataset, json=arguments.json, plain=arguments.plain, seconds=arguments.seconds))


def train(arguments: argparse.Namespace) -> int:
    """Train a model from a file and say how good it is."""
    from streamseg.compose import core_spec, decode_limits, training_plan
    from streamseg.datasets.past import read_past
    from streamseg.model.artifact import load
    from streamseg.model.train import train as train_model

    chosen = load_settings()
    spec = core_spec(chosen)
    past = read_past(arguments.input, limits=decode_limits(chosen, live=False), until_ms=arguments.until)
    for reason, count in past.refused.most_common():
        print(f"{count:,} lines are no touchpoints: {reason}", file=sys.stderr)
    trained = train_model(past.batches, spec=spec, plan=training_plan(chosen), progress=_say_stage)
    _write(arguments.output, trained.artifact)
    version, judged = load(trained.artifact, spec=spec.windows).version, trained.candidate
    print(f"{arguments.output}: model {version}, from {len(past):,} touchpoints")
    print(
        f"on {judged.rows:,} later outcomes: log loss {judged.log_loss:.4f}, AUC {judged.auc:.4f}, ECE {judged.ece:.4f}"
    )
    print(f"would {'' if trained.verdict.promote else 'not '}be promoted: {'; '.join(trained.verdict.reasons)}")
    return OK


def _say_stage(stage: str, share: float) -> None:
    """Tell a stage once, when it begins."""
    if share == 0.0:
        print(stage, file=sys.stderr, flush=True)


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: a worker must never load half a model."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)


def backtest(arguments: argparse.Namespace) -> int:
    """Measure forecasts at a time in the past beside what came."""
    from streamseg.backtest.learning import learn
    from streamseg.backtest.progress import stages
    from streamseg.backtest.report import show
    from streamseg.backtest.run import run
    from streamseg.compose import core_spec, decode_limits, training_plan
    from streamseg.model.encoders import ENCODERS

    chosen = load_settings()
    plan = replace(
        training_plan(chosen),
        horizon_days=float(arguments.horizon_days),
        encoders=tuple(ENCODERS) if arguments.encoder == "all" else (arguments.encoder,),
        seeds=arguments.seeds,
    )
    if arguments.json is not None and not arguments.json.parent.is_dir():
        raise ConfigError(
            f"--json {arguments.json}: {arguments.json.parent} is no directory; make it, or choose another"
        )
    with stages() as progress:
        report = run(
            arguments.input,
            cutoff_ms=arguments.cutoff,
            horizon_days=arguments.horizon_days,
            spec=core_spec(chosen),
            limits=decode_limits(chosen, live=False),
            learning=lambda history: learn(history, plan, cutoff_ms=arguments.cutoff, progress=progress),
            command={"encoder": arguments.encoder, "seeds": arguments.seeds},
            progress=progress,
            plot_dir=arguments.plot,
        )
    show(report, terminal=sys.stdout.isatty())
    if arguments.json is not None:
        _write(arguments.json, report.as_json())
    return OK


def replay(arguments: argparse.Namespace) -> int:
    """Run the pipeline over a file."""
    from streamseg import compose
    from streamseg.datasets import jsonl
    from streamseg.model.artifact import load
    from streamseg.replay import replay as replay_records

    chosen = load_settings()
    rules = compose.rules(chosen, live=False)
    scorer = load(read_artifact(arguments.model), spec=rules.spec.windows).scorer
    done = replay_records(
        jsonl.read(arguments.input), arguments.output, rules=rules, scorer=scorer, partitions=arguments.partitions
    )
    counts = done.counts
    print(
        f"{counts.received:,} touchpoints: {counts.scored:,} scored, {counts.suppressed:,} suppressed, "
        f"{counts.duplicate:,} duplicate, {counts.too_late:,} too late, {counts.dead_lettered.total():,} dead-lettered"
    )
    for topic, number in done.topics.most_common():
        print(f"{number:10,}  {topic}")
    return OK


def worker(_: argparse.Namespace) -> int:
    """Serve until SIGTERM."""
    # What imports make is never garbage, and looking for some is a seventh of their time. The app switches it on again.
    gc.disable()
    from streamseg.app import run_worker

    return run_worker(load_settings())


def retrain(_: argparse.Namespace) -> int:
    """Serve retraining until SIGTERM."""
    from streamseg.agents.retrain import run_retrain

    return run_retrain(load_settings())


def broker(arguments: argparse.Namespace) -> int:
    """Run the embedded broker until Ctrl-C or SIGTERM."""
    import signal

    from streamseg.kafka.embedded import embedded_broker

    # Blocked before the broker's threads begin, so that they inherit it and the signal waits for us.
    signal.pthread_sigmask(signal.SIG_BLOCK, ends := {signal.SIGINT, signal.SIGTERM})
    with embedded_broker(brokers=arguments.brokers) as address:
        print(address, flush=True)
        signal.sigwait(ends)
    return OK


def create(arguments: argparse.Namespace) -> int:
    """Make the topics."""
    from streamseg.kafka.admin import create_topics

    made = asyncio.run(
        create_topics(
            find_brokers(), partitions=arguments.partitions, replication=arguments.replication, topics=_topics()
        )
    )
    for topic, outcome in made.items():
        print(f"{topic}: {outcome}")
    return OK


def check(arguments: argparse.Namespace) -> int:
    """Compare the topics with their declaration."""
    from streamseg.kafka.admin import check_topics

    differences = asyncio.run(check_topics(find_brokers(), partitions=arguments.partitions, topics=_topics()))
    for difference in differences:
        print(difference)
    if not differences:
        print("all topics are as they must be")
    return FAILED if differences else OK


def list_datasets(_: argparse.Namespace) -> int:
    """Show the datasets."""
    from streamseg.datasets.catalogue import DATASETS

    for dataset in DATASETS:
        print(f"{dataset.name:14} {dataset.about}\n{'':14} {dataset.licence}")
    return OK


def export(arguments: argparse.Namespace) -> int:
    """Write a dataset to a file."""
    from streamseg.datasets.catalogue import export as export_dataset

    lines = export_dataset(arguments.name, arguments.output)
    print(f"{arguments.output}: {lines:,} touchpoints")
    return OK


def produce(arguments: argparse.Namespace) -> int:
    """Put a touchpoint file onto the topic, with a progress bar on a terminal."""
    from streamseg.datasets import jsonl
    from streamseg.kafka.produce import produce as produce_records

    access = find_brokers()
    records = (record for chunk in jsonl.read(arguments.input) for record in chunk)
    if sys.stderr.isatty():
        with _bar(sum(len(chunk) for chunk in jsonl.read(arguments.input))) as show:
            sent = asyncio.run(produce_records(access, records, rate=arguments.rate, progress=show))
    else:
        sent = asyncio.run(produce_records(access, records, rate=arguments.rate))
    print(f"{sent:,} touchpoints published")
    return OK


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error; where rich is not installed, a count that overwrites itself."""
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        yield lambda sent: print(f"\r{sent:,} of {total:,}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        return
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("touchpoints", total=total)
        yield lambda sent: progress.update(task, completed=sent)


def watch(arguments: argparse.Namespace) -> int:
    """Follow the outputs until Ctrl-C."""
    from streamseg.kafka.watch import describe
    from streamseg.kafka.watch import watch as watch_outputs

    async def follow() -> None:
        async with aclosing(watch_outputs(find_brokers(), from_beginning=arguments.from_start)) as outputs:
            async for seen in outputs:
                if seen is not None:
                    print(describe(seen), flush=True)

    try:
        asyncio.run(follow())
    except KeyboardInterrupt:
        return OK
    return OK
