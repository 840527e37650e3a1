"""How this program speaks to Kafka: the one place that spells the options of aiokafka's clients.

Where the brokers are and who we are arrives (`KafkaAccess`); consumers and producers leave. It refuses to know what is
read or written: every caller states its topic and partition itself, and no consumer here ever commits on its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context

from streamseg.errors import ConfigError, TransientError
from streamseg.kafka.identity import is_embedded
from streamseg.kafka.resumption import Log

PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
FETCH_BYTES: Final = 4 * 1024 * 1024
"""Most bytes of one partition in one response: above 10,000 touchpoints, so that one fetch fills the largest batch."""
BATCH_BYTES: Final = 512 * 1024
"""Record batches are closed at this size: below every broker's default limit of 1 MiB, few for a transaction."""
STOP_LIMIT_S: Final = 3.0
"""How long closing a client may take before its connections are cut."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """Where the brokers are, and how we prove who we are."""

    bootstrap_servers: str
    """`host:port[,host:port...]`."""
    security_protocol: str = "PLAINTEXT"
    """One of `PROTOCOLS`."""
    sasl_mechanism: str = "SCRAM-SHA-512"
    """PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER; read only by the SASL protocols."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token_provider: AbstractTokenProvider | None = field(default=None, repr=False)
    """For OAUTHBEARER: gives the bearer token, and a new one before it expires."""
    ca_file: str | None = None
    """PEM of the authority that signed the brokers' certificates; None = the system's authorities."""
    certificate_file: str | None = None
    key_file: str | None = None
    """Our own certificate and key, PEM, for mutual TLS."""
    key_password: str | None = field(default=None, repr=False)
    client_id: str = "streamseg"
    """Name in the brokers' logs and quotas."""

    def options(self) -> dict[str, Any]:
        """The options that aiokafka's consumers, producers and admin clients share.

        Raises:
            ConfigError: If the protocol is unknown or a certificate can't be read.
        """
        if self.security_protocol not in PROTOCOLS:
            raise ConfigError(
                f"security protocol {self.security_protocol!r}: expected one of {', '.join(PROTOCOLS)}, "
                f"for example SASL_SSL"
            )
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "client_id": self.client_id,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            options["ssl_context"] = self._ssl_context()
        if self.security_protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.username
            options["sasl_plain_password"] = self.password
            options["sasl_oauth_token_provider"] = self.token_provider
        return options

    def _ssl_context(self) -> SSLContext:
        try:
            context: SSLContext = create_ssl_context(
                cafile=self.ca_file,
                certfile=self.certificate_file,
                keyfile=self.key_file,
                password=self.key_password,
            )
        except (OSError, ValueError) as reason:
            files = ", ".join(filter(None, (self.ca_file, self.certificate_file, self.key_file))) or "none"
            raise ConfigError(
                f"TLS certificates can't be read (files: {files}): {reason}; give PEM files that this user may read"
            ) from reason
        return context


@asynccontextmanager
async def open_reader(access: KafkaAccess, *, committed_only: bool = True) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer without a group, closed at the end: its user assigns partitions and seeks positions."""
    consumer = AIOKafkaConsumer(
        **access.options(),
        group_id=None,
        enable_auto_commit=False,
        # A position that the broker no longer has must be an error that we see, never a silent jump.
        auto_offset_reset="none",
        isolation_level="read_committed" if committed_only else "read_uncommitted",
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    try:
        await consumer.start()
        if await is_embedded(consumer._client):
            # Its transaction markers carry no checksum (librdkafka 2.16): a checking reader stops at the first one.
            consumer._fetcher._check_crcs = False
            # And it holds every empty fetch for the whole wait, so that what has come meanwhile waits, too.
            consumer._fetcher._fetch_max_wait_ms = 20
        yield consumer
    finally:
        await stop_within(consumer)


async def log_of(consumer: AIOKafkaConsumer, source: TopicPartition) -> Log:
    """What the brokers have of a partition now, as `open_reader`'s consumer may see it."""
    # Who asks about a topic that the client has not heard of waits for its back-off of 100 ms.
    await consumer._client.add_topic(source.topic)
    earliest = (await consumer.beginning_offsets([source]))[source]
    return Log(earliest, (await consumer.end_offsets([source]))[source])


async def written_ends(access: KafkaAccess, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """Ends of partitions, records of open transactions included.

    A commit is acknowledged before its markers are written, so for some milliseconds a reader of committed records is
    told an end before what was just committed. Who must see his own writes reads to the end that is told here.
    """
    async with open_reader(access, committed_only=False) as consumer:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        return ends


def transactional_producer(
    access: KafkaAccess, *, transactional_id: str, transaction_timeout_ms: int
) -> AIOKafkaProducer:
    """A producer under this transactional id. Starting it fences every earlier producer of the same id."""
    return AIOKafkaProducer(
        **access.options(),
        transactional_id=transactional_id,
        transaction_timeout_ms=transaction_timeout_ms,
        max_batch_size=BATCH_BYTES,
    )


async def stop_within(client: AIOKafkaConsumer | AIOKafkaProducer, limit_s: float = STOP_LIMIT_S) -> None:
    """Close a client, cutting its connections when it can't finish in time.

    aiokafka waits for coordinators without end while it stops; with the brokers gone a worker would never exit.
    """
    try:
        async with asyncio.timeout(limit_s):
            await client.stop()
    except (TimeoutError, KafkaError):
        await (client.client if isinstance(client, AIOKafkaProducer) else client._client).close()


async def with_backoff(what: str, attempt: Callable[[], Awaitable[T]], *, limit_s: float) -> T:
    """Repeat `attempt` while it fails as networks do, waiting 0.1 s, 0.2 s, ... at most 5 s, for up to `limit_s`.

    Only for steps that change nothing when they fail (connecting, fencing, reading): never for a commit.

    Raises:
        TransientError: When it has still failed after `limit_s`; names `what` and the last reason.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit_s
    wait_s = 0.1
    while True:
        try:
            return await attempt()
        except (TransientError, TimeoutError, OSError, KafkaError) as reason:
            if isinstance(reason, KafkaError) and not reason.retriable:
                raise
            if loop.time() + wait_s > deadline:
                raise TransientError(
                    f"{what} did not succeed within {limit_s:.0f} s: {reason!r}; check that the brokers answer"
                ) from reason
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, 5.0)
