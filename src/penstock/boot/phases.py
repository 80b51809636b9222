"""Which sources, sinks, transforms and actions data phases can use. To add one, add its line here.

Loaded by the engine's process alone. `PENSTOCK_BUCKETS` maps schemes of object stores to folders:
`gs=/srv/gs,s3=/srv/s3`.
"""

import os

from penstock.boot.transforms import TRANSFORMS
from penstock.connect.actions.files import FileCopy, FileDelete, FileMake, FileMark, FileMove
from penstock.connect.actions.mail import MailRefused
from penstock.connect.actions.requests import ArgumentsRequest, CallRequest
from penstock.connect.records.databases import DatabaseAction, DatabaseArguments, DatabaseSink, DatabaseSource
from penstock.connect.records.datasets import (
    KeyValueSink,
    KeyValueSource,
    PartitionSink,
    PartitionSource,
    TableSink,
    TableSource,
)
from penstock.connect.records.file_arrivals import FileArrivals
from penstock.connect.records.file_sink import FileSink
from penstock.connect.records.file_source import FileSource
from penstock.connect.records.nothing import NothingSink
from penstock.connect.records.places import Places
from penstock.connect.records.sheets import SheetSource
from penstock.connect.records.web_records import WebSink, WebSource
from penstock.services.phases.kit import PhaseKit
from penstock.transform.condition import ExpressionCondition, ExpressionPredicates

__all__ = ["PHASES"]

_PLACES = Places.parse(os.environ.get("PENSTOCK_BUCKETS", ""))

PHASES = PhaseKit(
    sources=PhaseKit.by_name(
        (
            DatabaseSource(),
            FileSource(_PLACES),
            FileArrivals(_PLACES),
            KeyValueSource(),
            PartitionSource(),
            SheetSource(_PLACES),
            TableSource(),
            WebSource(),
        )
    ),
    sinks=PhaseKit.by_name(
        (DatabaseSink(), FileSink(_PLACES), KeyValueSink(), NothingSink(), PartitionSink(), TableSink(), WebSink())
    ),
    transforms=TRANSFORMS,
    actions=PhaseKit.by_name(
        (
            ArgumentsRequest(),
            CallRequest(),
            DatabaseAction(),
            DatabaseArguments(),
            FileCopy(_PLACES),
            FileDelete(_PLACES),
            FileMake(_PLACES),
            FileMark(_PLACES),
            FileMove(_PLACES),
            MailRefused(),
        )
    ),
    conditions=PhaseKit.by_name((ExpressionCondition(),)),
    predicates=PhaseKit.by_name((ExpressionPredicates(),)),
)
"""Adapters by name."""
