"""Which data formats and transports a circuit can use. To add one, add its line here.

Loaded by the engine's process alone: the formats bring numpy and Arrow with them.
"""

from penstock.connect.datagen.source import GeneratorSource
from penstock.connect.files import FileSink, FileSource
from penstock.connect.formats.avro import AvroFormat
from penstock.connect.formats.csv import CsvFormat
from penstock.connect.formats.json import JsonFormat
from penstock.connect.formats.parquet import ParquetFormat
from penstock.connect.formats.raw import RawFormat
from penstock.connect.kafka import KafkaSink, KafkaSource
from penstock.connect.lake.delta_sink import DeltaSink
from penstock.connect.lake.delta_source import DeltaSource
from penstock.connect.lake.iceberg import IcebergSource
from penstock.connect.nats import NatsSource
from penstock.connect.nexmark.source import NexmarkSource
from penstock.connect.nothing import EmptySource, NullSink
from penstock.connect.objects import S3Objects
from penstock.connect.postgres.query import PostgresSource
from penstock.connect.postgres.replication import PostgresChangesSource
from penstock.connect.postgres.sink import PostgresSink
from penstock.connect.pubsub import PubSubSource
from penstock.connect.redis import RedisSink
from penstock.connect.s3 import S3Source
from penstock.connect.url import UrlSource
from penstock.services.circuits.kit import Kit

__all__ = ["KIT"]

KIT = Kit.of(
    formats=(JsonFormat(), CsvFormat(), ParquetFormat(), AvroFormat(), RawFormat()),
    sources=(
        GeneratorSource(),
        FileSource(),
        UrlSource(),
        KafkaSource(),
        NatsSource(),
        S3Source(),
        DeltaSource(),
        IcebergSource(),
        NexmarkSource(),
        PubSubSource(),
        PostgresSource(),
        PostgresChangesSource(),
        EmptySource(),
    ),
    sinks=(FileSink(), KafkaSink(), RedisSink(), DeltaSink(), PostgresSink(), NullSink()),
    objects=S3Objects(),
)
