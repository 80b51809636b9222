"""Kafka topics as input and output, by librdkafka.

Exactly once needs no transactions of the broker. An input knows the offsets of what it gave. An output numbers its
messages in a header, writes one partition in order, and reads back after a crash which numbers are there already.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penstock.connect.kafka_messages import Headers, facts_of, header_filter
from penstock.data.pool import Pool
from penstock.ports.format import Encoded, Layout
from penstock.ports.source import Feed, TransportRefused

if TYPE_CHECKING:
    import confluent_kafka

_POLL_S = 0.1
_BATCH = 1000
_METADATA_S = 30.0
_DELIVERY_S = 60.0
_NUMBER, _WRITER = "penstock-number", "penstock-writer"
_INPUT_ONLY = (
    "topic", "start_from", "partitions", "poller_threads", "group_join_timeout_secs", "log_level", "include_headers",
    "include_timestamp", "include_partition", "include_offset", "include_topic", "header_filter",
)  # fmt: skip
_OUTPUT_ONLY = ("topic", "partition", "headers", "fault_tolerance", "initialization_timeout_secs", "kafka_service")
_TOLD = ("include_headers", "include_timestamp", "include_partition", "include_offset", "include_topic")
_NOT_YET = ("synchronize_partitions", "region")


class KafkaSource:
    """The transport "kafka_input": each message of a topic is a body. Settings: topic; start_from (earliest, latest,
    {"offsets": [one per partition]}, {"timestamp": ms}); partitions; `enable.partition.eof` to end where the topic ends
    now; include_topic, include_partition, include_offset, include_timestamp, include_headers (true: then
    CONNECTOR_METADATA() has kafka_topic and so on); header_filter ({"header": {"name", "pattern"}}, or and, or, not of
    these: other messages are passed over); every other setting is librdkafka's."""

    name = "kafka_input"
    needs_format = True

    def open(self, config: Mapping[str, Any], table: Layout, pool: Pool) -> OpenKafkaSource:
        """Return a source. Raises: TransportRefused."""
        topic = _topic(config)
        for name in _NOT_YET:
            if config.get(name):
                raise TransportRefused(f"the setting {name!r} is not supported")
        start = config.get("start_from", "earliest")
        if not _is_start(start):
            raise TransportRefused(
                f"start_from is 'earliest', 'latest', {{'offsets': [...]}} or {{'timestamp': ms}}, not {start!r}"
            )
        partitions = config.get("partitions")
        if partitions is not None and not (
            isinstance(partitions, list) and all(isinstance(p, int) for p in partitions)
        ):
            raise TransportRefused(f"partitions is a list of numbers, not {partitions!r}")
        settings = _settings(config, _INPUT_ONLY) | {"enable.auto.commit": False}
        settings.setdefault("group.id", f"penstock-{uuid.uuid4()}")
        ends = str(settings.get("enable.partition.eof", "false")).lower() == "true"
        _consumer(settings).close()
        told = tuple(name.removeprefix("include_") for name in _TOLD if config.get(name))
        wanted = None if config.get("header_filter") is None else header_filter(config["header_filter"])
        return OpenKafkaSource(topic, settings, start, partitions, ends, told, wanted)


class OpenKafkaSource:
    """Reads one topic. A place: offsets by partition, and how many messages of which partition come first."""

    def __init__(
        self,
        topic: str,
        settings: dict[str, Any],
        start: Any,
        partitions: list[int] | None,
        ends: bool,
        told: Sequence[str],
        wanted: Callable[[Headers], bool] | None,
    ) -> None:
        self._told = told
        self._wanted = wanted
        self._topic = topic
        self._settings = settings
        self._start = start
        self._partitions = partitions
        self._ends = ends
        self._place: dict[str, Any] | None = None

    def resume(self, place: Any) -> None:
        """Begin with the messages that were under way at a place."""
        self._place = place

    def run(self, feed: Feed) -> None:
        """Give every message in the order of each partition. Raises: OSError when the broker does not answer."""
        consumer = _consumer({**self._settings, "enable.partition.eof": True})
        try:
            offsets = self._offsets(consumer)
            if self._place is not None and self._place["count"]:
                self._again(consumer, feed, offsets, self._place["partition"], self._place["count"])
            self._assign(consumer, offsets)
            at_end: set[int] = set()
            while not (self._ends and at_end >= offsets.keys()):
                feed.wait_s(0)
                messages = consumer.consume(_BATCH, _POLL_S)
                self._give(feed, messages, offsets, at_end)
        finally:
            consumer.close()

    def _offsets(self, consumer: confluent_kafka.Consumer) -> dict[int, int]:
        """Return where each partition begins."""
        from confluent_kafka import KafkaException, TopicPartition

        if self._place is not None:
            return {int(partition): offset for partition, offset in self._place["offsets"].items()}
        try:
            known = consumer.list_topics(self._topic, _METADATA_S).topics[self._topic]
            if known.error is not None:
                raise OSError(f"topic {self._topic!r}: {known.error}")
            partitions = sorted(known.partitions) if self._partitions is None else self._partitions
            if isinstance(self._start, dict) and "timestamp" in self._start:
                asked = [TopicPartition(self._topic, p, self._start["timestamp"]) for p in partitions]
                found = consumer.offsets_for_times(asked, _METADATA_S)
                return {p.partition: p.offset if p.offset >= 0 else self._end(consumer, p.partition, 1) for p in found}
            if isinstance(self._start, dict):
                given = self._start["offsets"]
                if len(given) != len(partitions):
                    raise OSError(f"start_from has {len(given)} offsets; there are {len(partitions)} partitions")
                return dict(zip(partitions, given, strict=True))
            side = 1 if self._start == "latest" else 0
            return {partition: self._end(consumer, partition, side) for partition in partitions}
        except KafkaException as error:
            raise OSError(f"topic {self._topic!r}: {error.args[0]}") from error

    def _end(self, consumer: confluent_kafka.Consumer, partition: int, side: int) -> int:
        from confluent_kafka import TopicPartition

        return int(consumer.get_watermark_offsets(TopicPartition(self._topic, partition), _METADATA_S)[side])

    def _assign(self, consumer: confluent_kafka.Consumer, offsets: Mapping[int, int]) -> None:
        from confluent_kafka import TopicPartition

        consumer.assign([TopicPartition(self._topic, partition, offset) for partition, offset in offsets.items()])

    def _again(
        self, consumer: confluent_kafka.Consumer, feed: Feed, offsets: dict[int, int], partition: int, count: int
    ) -> None:
        """Give the messages first that were under way at the place: what was taken of them is dropped by count."""
        self._assign(consumer, {partition: offsets[partition]})
        run: list[Any] = []
        while len(run) < count:
            feed.wait_s(0)
            run += [m for m in consumer.consume(count - len(run), _POLL_S) if self._is_message(feed, m)]
        feed.begins(self._place_of(offsets, partition, count))
        self._hand(feed, run)
        offsets[partition] = run[-1].offset() + 1

    def _give(self, feed: Feed, messages: list[Any], offsets: dict[int, int], at_end: set[int]) -> None:
        from confluent_kafka import KafkaError

        runs: dict[int, list[Any]] = {}
        for message in messages:
            error = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:
                at_end.add(message.partition())
            elif self._is_message(feed, message):
                runs.setdefault(message.partition(), []).append(message)
        for partition, run in runs.items():
            offsets[partition] = run[0].offset()  # offsets may have holes
            feed.begins(self._place_of(offsets, partition, len(run)))
            self._hand(feed, run)
            offsets[partition] = run[-1].offset() + 1

    def _hand(self, feed: Feed, run: Sequence[Any]) -> None:
        facts = [facts_of(message, self._told) for message in run] if self._told else None
        feed.bodies([message.value() or b"" for message in run], facts)

    def _is_message(self, feed: Feed, message: Any) -> bool:
        error = message.error()
        if error is None:
            return self._wanted is None or self._wanted(message.headers() or [])
        from confluent_kafka import KafkaError

        if error.code() != KafkaError._PARTITION_EOF:
            if error.fatal():
                raise OSError(f"topic {self._topic!r}: {error.str()}")
            feed.error(f"topic {self._topic!r}: {error.str()}")
        return False

    @staticmethod
    def _place_of(offsets: Mapping[int, int], partition: int, count: int) -> dict[str, Any]:
        return {"offsets": {str(p): offset for p, offset in offsets.items()}, "partition": partition, "count": count}


class KafkaSink:
    """The transport "kafka_output": each piece of changes is a message of one partition, in order. Settings: topic;
    partition (0); headers ([{"key", "value"}]); every other setting is librdkafka's."""

    name = "kafka_output"
    needs_format = True

    def open(self, config: Mapping[str, Any]) -> OpenKafkaSink:
        """Return a sink. Raises: TransportRefused."""
        return self._opened(config, str(uuid.uuid4()), 0)

    def reopen(self, config: Mapping[str, Any], place: Any) -> tuple[OpenKafkaSink, int]:
        """Return a sink that goes on, and how many messages after the place are there. Raises: TransportRefused."""
        sink = self._opened(config, place["writer"], place["number"])
        there = sink.count_after(place["offset"])
        sink.number += there
        return sink, there

    def _opened(self, config: Mapping[str, Any], writer: str, number: int) -> OpenKafkaSink:
        topic = _topic(config)
        partition = config.get("partition", 0)
        if not isinstance(partition, int) or isinstance(partition, bool) or partition < 0:
            raise TransportRefused(f"partition is a number of at least 0, not {partition!r}")
        headers = []
        for header in config.get("headers") or []:
            if not isinstance(header, dict) or not isinstance(header.get("key"), str):
                raise TransportRefused("headers is a list of objects with key and value")
            headers.append((header["key"], str(header.get("value") or "").encode()))
        wait = config.get("initialization_timeout_secs") or 60
        sink = OpenKafkaSink(topic, partition, _settings(config, _OUTPUT_ONLY), headers, writer, number)
        sink.connect(float(wait))
        return sink


class OpenKafkaSink:
    """Writes one partition. `number` is of the next message; `writer` tells this sink's messages from others'."""

    def __init__(
        self,
        topic: str,
        partition: int,
        settings: dict[str, Any],
        headers: list[tuple[str, bytes]],
        writer: str,
        number: int,
    ) -> None:
        from confluent_kafka import KafkaException, Producer

        self._topic, self._partition, self._headers, self._writer = topic, partition, headers, writer
        self.number = number
        self._offset = 0
        self._failure: str | None = None
        self._settings = settings
        try:
            self._producer = Producer({"enable.idempotence": True, **settings})
        except (KafkaException, ValueError, TypeError) as error:
            raise TransportRefused(f"settings of Kafka: {error}") from error

    def connect(self, timeout_s: float) -> None:
        """Wait until the broker has answered. Raises: TransportRefused."""
        from confluent_kafka import KafkaException

        try:
            self._producer.list_topics(self._topic, timeout_s)
            self._offset = self._watermark()
        except KafkaException as error:
            raise TransportRefused(f"no broker answers for topic {self._topic!r}: {error.args[0]}") from error

    def write(self, payload: bytes) -> None:
        """Hand a message to librdkafka; it has arrived when `flush` returns."""
        self.write_message(Encoded(payload, 1))

    def write_message(self, message: Encoded) -> None:
        """Hand a message with its key and headers to librdkafka; it has arrived when `flush` returns."""
        numbered = [(_WRITER, self._writer.encode()), (_NUMBER, str(self.number).encode())]
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    None if message.is_removal else message.payload,
                    key=message.key,
                    partition=self._partition,
                    headers=[*self._headers, *message.headers, *numbered],
                    on_delivery=self._delivered,
                )
                break
            except BufferError:
                self._producer.poll(_POLL_S)  # its queue is full
        self.number += 1

    def flush(self) -> None:
        """Wait until the broker has everything. Raises: OSError for what it refused or did not take in time."""
        left = self._producer.flush(_DELIVERY_S)
        failure, self._failure = self._failure, None
        if failure is not None:
            raise OSError(f"topic {self._topic!r}: {failure}")
        if left:
            raise OSError(f"topic {self._topic!r}: {left} messages were not taken in {_DELIVERY_S:g} s")

    def place(self) -> dict[str, Any]:
        """Return the next message's number, and an offset that it comes after."""
        return {"writer": self._writer, "number": self.number, "offset": self._offset}

    def close(self) -> None:
        """Let go of the broker, and of messages that it has not taken: they are not to arrive later on."""
        self._producer.purge()
        self._producer.flush(_POLL_S)

    def count_after(self, offset: int) -> int:
        """Count this writer's messages from a number and an offset on that are in the topic."""
        from confluent_kafka import TopicPartition

        end = self._watermark()
        consumer = _consumer({**self._settings, "group.id": f"penstock-{uuid.uuid4()}", "enable.auto.commit": False})
        there: set[int] = set()
        deadline = time.monotonic() + _DELIVERY_S
        try:
            consumer.assign([TopicPartition(self._topic, self._partition, offset)])
            position = offset
            while position < end:
                if time.monotonic() > deadline:
                    raise TransportRefused(f"topic {self._topic!r} could not be read back to offset {end}")
                for message in consumer.consume(_BATCH, _POLL_S):
                    if message.error() is None:
                        position = int(message.offset() or 0) + 1
                        headers = dict(message.headers() or [])
                        if headers.get(_WRITER) == self._writer.encode():
                            there.add(int(headers[_NUMBER] or 0))
        finally:
            consumer.close()
        count = 0
        while self.number + count in there:
            count += 1
        return count

    def _watermark(self) -> int:
        from confluent_kafka import TopicPartition

        consumer = _consumer({**self._settings, "group.id": f"penstock-{uuid.uuid4()}"})
        try:
            place = TopicPartition(self._topic, self._partition)
            return int(consumer.get_watermark_offsets(place, _METADATA_S)[1])
        finally:
            consumer.close()

    def _delivered(self, error: Any, message: Any) -> None:
        if error is not None:
            self._failure = error.str()
        else:
            self._offset = max(self._offset, message.offset() + 1)


def _topic(config: Mapping[str, Any]) -> str:
    topic = config.get("topic")
    if not isinstance(topic, str) or not topic:
        raise TransportRefused("the setting 'topic' is missing")
    return topic


def _settings(config: Mapping[str, Any], own: tuple[str, ...]) -> dict[str, Any]:
    """Return what is meant for librdkafka, which knows its settings itself."""
    return {name: value for name, value in config.items() if name not in own and name not in _NOT_YET}


def _is_start(start: Any) -> bool:
    if isinstance(start, dict):
        return (isinstance(start.get("timestamp"), int) or isinstance(start.get("offsets"), list)) and len(start) == 1
    return start in ("earliest", "latest")


_PRODUCERS_ONLY = ("enable.idempotence", "acks", "compression.type", "linger.ms", "batch.size", "transactional.id")


def _consumer(settings: Mapping[str, Any]) -> confluent_kafka.Consumer:
    """Return a consumer. Raises: TransportRefused for settings that librdkafka does not take."""
    from confluent_kafka import Consumer, KafkaException

    wanted = {name: value for name, value in settings.items() if name not in _PRODUCERS_ONLY}
    try:
        return Consumer(wanted)
    except (KafkaException, ValueError, TypeError) as error:
        raise TransportRefused(f"settings of Kafka: {error}") from error
