"""Progress of a long command, on standard error: a bar for each stage on a terminal, a line for each elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stages() -> Iterator[Callable[[str, float], None]]:
    """Show stages for as long as the block lasts: called with one in words and its share done, 0 to 1."""
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        yield _say
        return
    if not sys.stderr.isatty():
        yield _say
        return
    with Progress(console=Console(stderr=True)) as progress:
        tasks = {}

        def show(stage: str, share: float) -> None:
            if stage not in tasks:
                # Without a total the bar pulses: some stages know no share before they are done.
                tasks[stage] = progress.add_task(stage, total=None)
            if share > 0.0:
                progress.update(tasks[stage], total=1.0, completed=share)

        yield show


def _say(stage: str, share: float) -> None:
    if share == 0.0:
        print(stage, file=sys.stderr, flush=True)
