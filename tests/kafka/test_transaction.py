"""One transaction holds all that a batch brought about, and a producer that was fenced brings out nothing."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer

from streamseg.errors import ConfigError, InvariantError
from streamseg.kafka.changelog import restore
from streamseg.kafka.client import KafkaAccess
from streamseg.kafka.partitioner import partition_of
from streamseg.kafka.transaction import CommitUnknown, PartitionFenced, PartitionTransactions
from streamseg.wire.outputs import Output
from tests.kafka.broker import Broker
from tests.kafka.room import Room, rows, told

pytestmark = pytest.mark.kafka


async def offset_of(room: Room, partition: int) -> int | None:
    """The group's offset; ask after a fence, since a commit is acknowledged before its offset is visible."""
    group = AIOKafkaConsumer(**room.access.options(), group_id=room.name, enable_auto_commit=False)
    await group.start()
    try:
        committed: int | None = await group.committed(room.source(partition))
    finally:
        await group.stop()
    return committed


def test_outputs_go_by_key_and_rows_to_the_partition_of_the_input(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "placed")
        keys = [b"c%d" % i for i in range(50)]
        mine = room.transactions(2)
        await mine.fence()
        outputs = [Output(room.topic("outputs"), key, b"v") for key in keys]
        await mine.commit(outputs, [rows([(key, b"row") for key in keys])], offset=50)
        await mine.close()
        found = await room.committed("outputs")
        assert {key: partition for partition, records in found.items() for key, _ in records} == {
            key: partition_of(key, 4) for key in keys
        }
        assert await room.committed("changelog") == {2: [(key, b"row") for key in keys]}

    asyncio.run(story())


def test_an_output_without_a_key_goes_to_the_number_of_the_input_partition(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "keyless")
        mine = room.transactions(3)
        await mine.fence()
        await mine.commit([Output(room.topic("outputs"), None, b"broken")], [], offset=1)
        await mine.close()
        assert await room.committed("outputs") == {3: [(None, b"broken")]}

    asyncio.run(story())


def test_rows_that_fill_many_batches_arrive_complete_and_in_order(kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(kafka.bootstrap, "many")
        many: list[tuple[bytes, bytes | None]] = [(b"r%d" % i, b"x" * 400) for i in range(4_000)]
        mine = room.transactions(0)
        await mine.fence()
        await mine.commit([], [rows(many[:100]), rows(many[100:])], offset=1)
        await mine.close()
        assert await room.committed("changelog") == {0: many}

    asyncio.run(story())


def test_the_offset_is_committed_with_the_outputs(real_kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(real_kafka.bootstrap, "offset")
        mine = room.transactions(1)
        await mine.fence()
        assert await offset_of(room, 1) is None
        await mine.commit([Output(room.topic("outputs"), b"c", b"v")], [], offset=17)
        await mine.fence()
        assert await offset_of(room, 1) == 17
        await mine.close()

    asyncio.run(story())


def test_an_offset_that_was_told_before_the_outputs_stands_only_with_them(real_kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(real_kafka.bootstrap, "early")
        mine = room.transactions(0)
        await mine.fence()
        mine.begin(offset=5)
        await mine.commit([Output(room.topic("outputs"), b"c", b"v")], [], offset=5)
        mine.begin(offset=9)
        assert mine._beginning is not None
        await mine._beginning
        await mine.close()
        await mine.fence()
        assert await offset_of(room, 0) == 5
        await mine.commit([], [rows([(b"c", b"row")])], offset=6)
        await mine.fence()
        assert await offset_of(room, 0) == 6
        await mine.close()

    asyncio.run(story())


def test_a_transaction_without_an_offset_leaves_the_group_where_it_was(real_kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(real_kafka.bootstrap, "untold")
        mine = room.transactions(0)
        await mine.fence()
        await mine.commit([Output(room.topic("outputs"), b"c", b"1")], [], offset=5)
        for begins in (True, False):
            if begins:
                mine.begin(offset=None)
            await mine.commit([Output(room.topic("outputs"), b"c", b"2")], [rows([(b"r", b"x")])], offset=None)
        await mine.fence()
        assert await offset_of(room, 0) == 5
        assert [len(found) for found in (await room.committed("outputs")).values()] == [3]
        await mine.close()

    asyncio.run(story())


def test_a_fenced_producer_brings_out_nothing_and_moves_no_offset(real_kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(real_kafka.bootstrap, "zombie")
        zombie, heir = room.transactions(0), room.transactions(0)
        await zombie.fence()
        await zombie.commit([Output(room.topic("outputs"), b"c", b"first")], [], offset=5)
        await heir.fence()
        with pytest.raises(PartitionFenced, match=r"'zombie-zombie-input-0' was fenced: another worker has"):
            await zombie.commit([Output(room.topic("outputs"), b"c", b"again")], [rows([(b"r", b"wrong")])], offset=9)
        assert await offset_of(room, 0) == 5
        await heir.commit([Output(room.topic("outputs"), b"c", b"second")], [], offset=6)
        await heir.close()
        found = [record for records in (await room.committed("outputs")).values() for record in records]
        assert found == [(b"c", b"first"), (b"c", b"second")]
        assert told(await restore(room.access, room.changelog(0))) == {}

    asyncio.run(story())


def test_the_fence_of_one_partition_leaves_the_others_alone(real_kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(real_kafka.bootstrap, "neighbours")
        mine, theirs = room.transactions(0), room.transactions(1)
        await mine.fence()
        await theirs.fence()
        await mine.commit([Output(room.topic("outputs"), b"c", b"v")], [], offset=1)
        await mine.fence()
        assert await offset_of(room, 0) == 1
        await mine.close()
        await theirs.close()

    asyncio.run(story())


def test_what_a_dead_worker_left_open_is_aborted_by_the_fence(real_kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(real_kafka.bootstrap, "left-open")
        dead, heir = room.transactions(0), room.transactions(0)
        await dead.fence()
        producer = dead._producer
        assert producer is not None
        await producer.begin_transaction()
        await (await producer.send(room.topic("changelog"), b"half a batch", b"r", partition=0))
        await heir.fence()
        assert told(await restore(room.access, room.changelog(0))) == {}
        await heir.close()
        await dead.close()

    asyncio.run(story())


def test_a_commit_whose_brokers_are_gone_is_unknown_and_ends_the_producer(own_kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(own_kafka.bootstrap, "gone")
        mine = PartitionTransactions(
            room.access, group_id="gone", source=room.source(0), changelog=room.topic("changelog"), commit_limit_s=3
        )
        await mine.fence()
        own_kafka.stop()
        with pytest.raises(CommitUnknown, match="it may or may not stand"):
            await mine.commit([], [rows([(b"r", b"x")])], offset=1)
        with pytest.raises(InvariantError, match="without a fence before it"):
            await mine.commit([], [rows([(b"r", b"x")])], offset=1)

    asyncio.run(story())


def test_a_record_that_the_topic_refuses_is_told_with_the_limit_to_raise(real_kafka: Broker) -> None:
    async def story() -> None:
        room = await Room.made(real_kafka.bootstrap, "too-large")
        mine = room.transactions(0)
        await mine.fence()
        with pytest.raises(
            ConfigError, match=r"refuses a batch of 20000\d\d bytes; raise its max.message.bytes to at least"
        ):
            await mine.commit([Output(room.topic("outputs"), b"c", b"x" * 2_000_000)], [], offset=1)
        assert await offset_of(room, 0) is None

    asyncio.run(story())


def test_an_unknown_security_protocol_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="security protocol 'TLS': expected one of PLAINTEXT, SSL, SASL_PLAINTEXT"):
        KafkaAccess("broker:9092", security_protocol="TLS").options()


def test_secrets_are_not_shown() -> None:
    access = KafkaAccess("broker:9092", username="worker", password="s3cret", key_password="t0psecret")
    assert "s3cret" not in repr(access)
    assert "t0psecret" not in repr(access)
