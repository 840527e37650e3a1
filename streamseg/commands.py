"""What each command does, in a few lines that call the room which does the work.

Arrives: the parsed command line; the environment is read here, once a command. Leaves: an exit code, and what the command
prints. Packages are imported inside, by the command that needs them: `streamseg --help` must not wait for torch.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from streamseg.kafka.client import KafkaAccess
    from streamseg.settings import Settings

OK: Final = 0
FAILED: Final = 1
WRONG: Final = 2
"""Exit codes; `WRONG` is also what argparse gives to a wrong command line."""


def _load() -> Settings:
    from streamseg.settings import load

    return load(os.environ)


def _access() -> KafkaAccess:
    from streamseg.compose import kafka_access

    return kafka_access(_load())


def settings(_: argparse.Namespace) -> int:
    """Show the effective settings."""
    from streamseg.settings import render

    print(render(_load()), end="")
    return OK


def demo(arguments: argparse.Namespace) -> int:
    """Run the demo."""
    from streamseg.demo import Options, run

    return run(Options(arguments.dataset, json=arguments.json, plain=arguments.plain, seconds=arguments.seconds))


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

    made = asyncio.run(create_topics(_access(), partitions=arguments.partitions, replication=arguments.replication))
    for topic, outcome in made.items():
        print(f"{topic}: {outcome}")
    return OK


def check(arguments: argparse.Namespace) -> int:
    """Compare the topics with their declaration."""
    from streamseg.kafka.admin import check_topics

    differences = asyncio.run(check_topics(_access(), partitions=arguments.partitions))
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

    access = _access()
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
        async with aclosing(watch_outputs(_access(), from_beginning=arguments.from_start)) as outputs:
            async for seen in outputs:
                if seen is not None:
                    print(describe(seen), flush=True)

    try:
        asyncio.run(follow())
    except KeyboardInterrupt:
        return OK
    return OK
