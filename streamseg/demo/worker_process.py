"""The worker of the demo: the real one, in a process of its own, watched through its own metrics page.

Arrives: where the broker is. Leaves: what the worker says of itself, and its end. It shares nothing with the demo but
Kafka and HTTP, so what is shown is what an operator would see.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Final, Self

from aiohttp import ClientError, ClientSession, ClientTimeout
from prometheus_client.parser import text_string_to_metric_families

from streamseg.errors import InvariantError

READY_LIMIT_S: Final = 90.0
"""The first start on a machine compiles for some seconds; this is for the slowest machine."""
STOP_LIMIT_S: Final = 20.0
"""The worker drains within 10 s; twice that is a worker that does not."""
_LATENCY: Final = "streamseg_end_to_end_latency_seconds_bucket"


@dataclass(slots=True)
class Said:
    """What the worker's metrics page said last."""

    received: int = 0
    scored: int = 0
    dead_letters: int = 0
    changes: int = 0
    alerts: int = 0
    backlog: int = 0
    latency_counts: list[tuple[float, float]] = field(default_factory=list)
    """Upper bound in seconds and how many touchpoints lay below it, rising."""

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a metrics page."""
        sums: defaultdict[str, float] = defaultdict(float)
        latency: list[tuple[float, float]] = []
        for sample in (sample for family in text_string_to_metric_families(text) for sample in family.samples):
            sums[sample.name] += sample.value
            if sample.name == _LATENCY:
                latency.append((float(sample.labels["le"]), sample.value))
        return cls(
            received=int(sums["streamseg_events_received_total"]),
            scored=int(sums["streamseg_events_scored_total"]),
            dead_letters=int(sums["streamseg_events_dead_lettered_total"]),
            changes=int(sums["streamseg_segment_changes_total"]),
            alerts=int(sums["streamseg_churn_alerts_total"]),
            backlog=int(sums["streamseg_sweep_backlog"]),
            latency_counts=latency,
        )

    def latency_ms(self, share: float) -> float:
        """The latency that `share` of all touchpoints stayed below, milliseconds; interpolated inside its bucket.

        >>> Said(latency_counts=[(0.1, 50.0), (0.2, 100.0), (float("inf"), 100.0)]).latency_ms(0.75)
        150.0
        """
        if not self.latency_counts or not self.latency_counts[-1][1]:
            return 0.0
        wanted, low, below = share * self.latency_counts[-1][1], 0.0, 0.0
        for bound, count in self.latency_counts:
            if count >= wanted:
                high = bound if bound != float("inf") else low
                inside = (wanted - below) / (count - below) if count > below else 1.0
                return round(1_000 * (low + (high - low) * inside), 3)
            low, below = bound, count
        return 1_000 * low


class WorkerProcess:
    """A running worker. Made by `worker_process`."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.said = Said()
        self._process, self._log = process, log
        self._page = f"http://127.0.0.1:{port}"

    async def until_ready(self) -> None:
        """Wait for `/readyz` to say yes.

        Raises:
            InvariantError: If the worker ends, or is not ready in time; with the end of its log.
        """
        reason, since = "it does not answer", monotonic()
        async with ClientSession(timeout=ClientTimeout(total=5)) as session:
            while monotonic() - since < READY_LIMIT_S:
                self._refuse_if_ended()
                try:
                    async with session.get(f"{self._page}/readyz") as answer:
                        if answer.status == 200:
                            return
                        reason = (await answer.text()).strip()
                except (ClientError, TimeoutError, OSError):
                    pass
                await asyncio.sleep(0.2)
        raise InvariantError(
            f"the worker is not ready after {READY_LIMIT_S:.0f} s: {reason}; its log: {self.log_tail()}"
        )

    async def listen(self) -> None:
        """Keep `said` up to date, without end.

        Raises:
            InvariantError: If the worker ends; with the end of its log.
        """
        async with ClientSession(timeout=ClientTimeout(total=5)) as session:
            while True:
                self._refuse_if_ended()
                try:
                    async with session.get(f"{self._page}/metrics") as answer:
                        self.said = Said.read(await answer.text())
                except (ClientError, TimeoutError, OSError):
                    pass  # busy for a moment, or gone: the next look tells which
                await asyncio.sleep(0.1)

    def stop(self) -> int:
        """End it as an operator would (SIGTERM), and return its exit code; one that does not end is killed (-9)."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout=STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def log_tail(self) -> str:
        """The last lines of its log."""
        return " | ".join(self._log.read_text(errors="replace").splitlines()[-6:]) or "(empty)"

    def _refuse_if_ended(self) -> None:
        if self._process.poll() is not None:
            raise InvariantError(
                f"the worker ended with exit code {self._process.returncode}; its log: {self.log_tail()}"
            )


@contextmanager
def worker_process(bootstrap: str, extra: Mapping[str, str]) -> Iterator[WorkerProcess]:
    """Run `streamseg worker` for as long as the block lasts, with these settings and none of the environment's.

    Args:
        bootstrap: Where the broker is.
        extra: Further settings by their environment names.
    """
    with TemporaryDirectory(prefix="streamseg-demo-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        environ = {name: value for name, value in os.environ.items() if not name.startswith("STREAMSEG_")}
        environ |= {
            "STREAMSEG_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "STREAMSEG_GROUP_ID": "streamseg-demo",
            "STREAMSEG_CLOCK": "event",
            "STREAMSEG_METRICS_PORT": str(port),
            **extra,
        }
        log = Path(folder, "worker.log")
        with log.open("wb") as sink:
            # A session of its own: Ctrl-C reaches the demo alone, which then ends the worker in order.
            process = subprocess.Popen(
                [sys.executable, "-m", "streamseg", "worker"],
                env=environ,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        worker = WorkerProcess(process, port, log)
        try:
            yield worker
        finally:
            worker.stop()
