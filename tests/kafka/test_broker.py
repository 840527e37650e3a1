"""The broker that the tests stand on: it keeps what it acknowledged, and it says when it isn't real."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.kafka import broker as brokers
from tests.kafka.broker import Broker, NoKafkaError


def test_the_broker_keeps_what_it_acknowledged(kafka: Broker) -> None:
    async def there_and_back() -> list[bytes | None]:
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
        if kafka.is_real:
            admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
            await admin.start()
            await admin.create_topics([NewTopic("kept", 1, 1)])
            await admin.close()
        await producer.start()
        await producer.send_and_wait("kept", b"value", partition=0)
        await producer.stop()
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        consumer.assign([TopicPartition("kept", 0)])
        record = await asyncio.wait_for(consumer.getone(), 60)
        await consumer.stop()
        return [record.value]

    assert asyncio.run(there_and_back()) == [b"value"]


def test_a_machine_without_a_real_kafka_fails_where_one_is_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(
        NoKafkaError, match="no real Kafka could be started, and one is required here: docker is not on"
    ):
        brokers.start()


def test_a_machine_without_a_real_kafka_falls_back_to_the_embedded_one_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("STREAMSEG_REQUIRE_KAFKA", raising=False)
    started = brokers.start()
    try:
        assert (started.kind, started.is_real) == ("embedded", False)
        assert "java is not on this machine; install Java 17" in started.log_tail()
    finally:
        started.stop()
