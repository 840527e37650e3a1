"""One Apache Kafka broker for the tests and the benchmark: in Docker, else from the jars on Java, else embedded.

Arrives: nothing but the machine. Leaves: a started `Broker` that says where it listens and what it is. Where `CI=true`
or `STREAMSEG_REQUIRE_KAFKA=1` is set, a machine that can start no real Kafka is a failure, never a silent fall-back.
`python -m tests.kafka.broker` runs one until Ctrl-C.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Protocol

ROOT = Path(__file__).resolve().parents[2]
JARS = ROOT / "build" / "kafka-jars"
POM = Path(__file__).resolve().parent / "jars" / "pom.xml"
IMAGE = "apache/kafka:4.1.0"
START_LIMIT_S = 90.0
"""A quiet two-core machine needs 5 to 10 s; a busy one may take this long before it is a failure."""
STARTED = "Kafka Server started"
LOG4J = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN"><Appenders><Console name="out" target="SYSTEM_OUT">
<PatternLayout pattern="%d{HH:mm:ss.SSS} %p %m (%c{1})%n"/></Console></Appenders>
<Loggers><Root level="INFO"><AppenderRef ref="out"/></Root></Loggers></Configuration>
"""

BROKER_HEAP = ("-Xmx1g", "-XX:G1HeapRegionSize=16m")
"""The heap of Apache Kafka's own start script, in the regions that its operations guide names. In those of 1 MB that
Java would choose, every record batch above half of one is "humongous", and the collector marks all the time."""


class NoKafkaError(RuntimeError):
    """No broker of the asked kind could be started; the message says why, and what to install."""


class Broker(Protocol):
    """A broker that listens. Everything on it is lost when it stops."""

    bootstrap: str
    """`host:port` for clients on this machine."""
    kind: str
    """`docker`, `jars` or `embedded`."""
    is_real: bool
    """Whether it is Apache Kafka; the embedded one lacks compaction, CreateTopics and fencing across restarts."""

    def stop(self) -> None:
        """End it and forget its data. Calling it twice does nothing."""
        ...

    def restart(self) -> None:
        """Stop it hard and start it again on the same address and data, as a crashed broker would come back."""
        ...

    def log_tail(self, lines: int = 60) -> str:
        """The last lines of its log, for the report of a failed test."""
        ...


def start(*, require_real: bool | None = None) -> Broker:
    """Start the best broker that this machine allows.

    Args:
        require_real: Refuse the embedded broker; None reads it from the environment (`CI`, `STREAMSEG_REQUIRE_KAFKA`).

    Raises:
        NoKafkaError: If a real Kafka is required and none could be started; the message lists every attempt.
    """
    if require_real is None:
        require_real = real_kafka_is_required()
    attempts: tuple[Callable[[], Broker], ...] = (DockerBroker, JarsBroker)
    reasons: list[str] = []
    for attempt in attempts:
        try:
            return attempt()
        except NoKafkaError as reason:
            reasons.append(str(reason))
    if require_real:
        raise NoKafkaError(f"no real Kafka could be started, and one is required here: {'; '.join(reasons)}")
    return EmbeddedBroker("; ".join(reasons))


def real_kafka_is_required() -> bool:
    """Whether the embedded broker would be a failure: in CI, or where `STREAMSEG_REQUIRE_KAFKA=1` asks for it."""
    return os.environ.get("CI", "").lower() in {"1", "true"} or os.environ.get("STREAMSEG_REQUIRE_KAFKA") == "1"


def broker_properties(data_dir: str, listen: str, advertised: str, controller: str) -> dict[str, str]:
    """The server.properties of a combined KRaft broker and controller, for one node and quick tests."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"PLAINTEXT://{listen},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{advertised}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": data_dir,
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # Tests of a takeover use short session time-outs; the default lower limit of 6 s would refuse them.
        "group.min.session.timeout.ms": "1000",
        "auto.create.topics.enable": "false",
        "num.partitions": "4",
    }


class JarsBroker:
    """Apache Kafka from Maven Central's jars, in a JVM of its own; needs Java 17 and, for the first time, Maven."""

    kind = "jars"
    is_real = True

    def __init__(self) -> None:
        _need("java", "install Java 17 (Debian: openjdk-17-jre-headless)")
        self._classpath = f"{_jars()}{os.sep}*"
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        for last_try in (False, True):
            self._dir = Path(tempfile.mkdtemp(prefix="streamseg-kafka-"))
            try:
                self._format()
                self._launch()
                return
            except NoKafkaError:
                self.stop()
                # Another process may take a free port between our look and the broker's bind: once more.
                if last_try:
                    raise

    def _format(self) -> None:
        port, controller = _free_ports(2)
        self.bootstrap = f"127.0.0.1:{port}"
        settings = broker_properties(
            str(self._dir / "data"), self.bootstrap, self.bootstrap, controller=f"127.0.0.1:{controller}"
        )
        (self._dir / "server.properties").write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
        (self._dir / "log4j2.xml").write_text(LOG4J)
        format_it = [
            "kafka.tools.StorageTool",
            "format",
            "-t",
            _cluster_id(),
            "-c",
            str(self._dir / "server.properties"),
        ]
        done = subprocess.run(self._java(*format_it), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NoKafkaError(f"the Kafka storage could not be formatted: {(done.stdout + done.stderr)[-2000:]}")

    def _launch(self) -> None:
        self._log = (self._dir / "broker.log").open("ab")
        seen = self._log.tell()
        self._process = subprocess.Popen(
            self._java("kafka.Kafka", str(self._dir / "server.properties")),
            stdout=self._log,
            stderr=subprocess.STDOUT,
            cwd=self._dir,
            start_new_session=True,  # Ctrl-C reaches pytest alone, which then stops the broker itself.
        )
        deadline = time.monotonic() + START_LIMIT_S
        while STARTED.encode() not in (self._dir / "broker.log").read_bytes()[seen:]:
            if self._process.poll() is not None:
                raise NoKafkaError(f"the Kafka process ended with code {self._process.returncode}: {self.log_tail()}")
            if time.monotonic() > deadline:
                raise NoKafkaError(f"the Kafka process was not up after {START_LIMIT_S:.0f} s: {self.log_tail()}")
            time.sleep(0.1)

    def _java(self, *main: str) -> list[str]:
        options = (
            ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"] if main[0] != "kafka.Kafka" else BROKER_HEAP
        )
        log4j = f"-Dlog4j2.configurationFile={self._dir / 'log4j2.xml'}"
        return ["java", *options, log4j, "-cp", self._classpath, *main]

    @property
    def pid(self) -> int | None:
        """Process id of the JVM; None when it is stopped."""
        return None if self._process is None else self._process.pid

    def restart(self) -> None:
        self._end(signal.SIGKILL)
        self._launch()

    def stop(self) -> None:
        self._end(signal.SIGTERM)
        shutil.rmtree(self._dir, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._log is not None:
            self._log.close()

    def log_tail(self, lines: int = 60) -> str:
        log = self._dir / "broker.log"
        return (
            "\n".join(line[:300] for line in log.read_text(errors="replace").splitlines()[-lines:])
            if log.exists()
            else "(no log)"
        )


class DockerBroker:
    """Apache Kafka's own image through testcontainers; needs a Docker engine that answers."""

    kind = "docker"
    is_real = True

    def __init__(self) -> None:
        _need_docker_engine()
        from testcontainers.core.container import DockerContainer
        from testcontainers.core.wait_strategies import LogMessageWaitStrategy

        (port,) = _free_ports(1)
        self.bootstrap = f"127.0.0.1:{port}"
        settings = broker_properties("/tmp/kraft-combined-logs", ":9092", self.bootstrap, controller="localhost:9093")
        container = DockerContainer(IMAGE).with_bind_ports(9092, port)
        container.with_env("CLUSTER_ID", _cluster_id()).with_env("KAFKA_HEAP_OPTS", " ".join(BROKER_HEAP))
        for name, value in settings.items():
            container.with_env("KAFKA_" + name.upper().replace(".", "_"), value)
        container.waiting_for(LogMessageWaitStrategy(STARTED).with_startup_timeout(int(START_LIMIT_S)))
        self._container: Any = container
        try:
            container.start()
        except Exception as reason:  # docker's own errors have no common parent below this
            raise NoKafkaError(f"the container {IMAGE} did not start: {reason}") from reason

    def restart(self) -> None:
        wrapped = self._container.get_wrapped_container()
        wrapped.kill()
        wrapped.start()
        host, port = self.bootstrap.split(":")
        _wait_for_port(host, int(port))

    def stop(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            container.stop()

    def log_tail(self, lines: int = 60) -> str:
        if self._container is None:
            return "(stopped)"
        out, err = self._container.get_logs()
        return "\n".join((out + err).decode(errors="replace").splitlines()[-lines:])


class EmbeddedBroker:
    """librdkafka's mock cluster inside this process; enough for what needs no real Kafka."""

    kind = "embedded"
    is_real = False

    def __init__(self, why: str = "") -> None:
        from confluent_kafka import Producer

        self.why = why
        # The producer owns the mock cluster: it lives as long as this handle does.
        self._owner: Producer | None = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1})
        brokers = self._owner.list_topics(timeout=10).brokers.values()
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def restart(self) -> None:
        raise NoKafkaError("the embedded broker keeps nothing and can't be restarted; this test needs a real Kafka")

    def stop(self) -> None:
        self._owner = None

    def log_tail(self, lines: int = 60) -> str:
        return f"(embedded broker, no log; no real Kafka because: {self.why})"


def _jars() -> Path:
    """The folder of Kafka's jars, fetched with Maven when this checkout has none of this pom's version."""
    stamp = JARS / "pom.xml"
    if stamp.exists() and stamp.read_bytes() == POM.read_bytes():
        return JARS
    _need("mvn", "install Maven (Debian: maven)")
    shutil.rmtree(JARS, ignore_errors=True)
    fetch = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={JARS}"]
    done = subprocess.run(fetch, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoKafkaError(f"Maven could not fetch the Kafka jars: {(done.stdout + done.stderr)[-2000:]}")
    shutil.copy(POM, stamp)
    return JARS


def _need(program: str, remedy: str) -> None:
    if shutil.which(program) is None:
        raise NoKafkaError(f"{program} is not on this machine; {remedy}")


def _need_docker_engine() -> None:
    _need("docker", "install a Docker engine")
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False)
    except subprocess.TimeoutExpired as late:
        raise NoKafkaError("the Docker engine did not answer in 20 s") from late
    if done.returncode != 0:
        raise NoKafkaError("no Docker engine answers")


def _cluster_id() -> str:
    # Any 22 characters of URL-safe base64 that don't start with a dash, which the tool would take for an option.
    return uuid.uuid4().hex[:22]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _wait_for_port(host: str, port: int) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
            return
        except OSError as reason:
            if time.monotonic() > deadline:
                raise NoKafkaError(f"{host}:{port} did not listen within {START_LIMIT_S:.0f} s") from reason
            time.sleep(0.2)


def main() -> None:
    """Run a broker until Ctrl-C and say where it listens."""
    broker = start()
    try:
        print(f"{broker.bootstrap} ({broker.kind}); Ctrl-C ends it", flush=True)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    finally:
        broker.stop()


if __name__ == "__main__":
    main()
