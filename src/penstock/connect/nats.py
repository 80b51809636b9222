"""A stream of NATS JetStream as input."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from penstock.data.pool import Pool
from penstock.ports.format import Layout
from penstock.ports.source import Feed, TransportRefused

_SETTINGS = ("connection_config", "stream_name", "consumer_config", "inactivity_timeout_secs", "retry_interval_secs")
_POLICIES = ("all", "last", "new", "by_start_sequence")
_BATCH = 1000
_WAIT_S = 0.5
_RETRY_S = 5.0


class NatsSource:
    """The transport "nats_input": each message of a JetStream stream is a body. Settings: connection_config
    ({"server_url", "auth": {"credentials" | "user_and_password" | "token"}}); stream_name; consumer_config
    ({"deliver_policy": All, Last, New or {"ByStartSequence": {"start_sequence"}}, "filter_subjects"});
    retry_interval_secs (5); inactivity_timeout_secs (taken, without effect)."""

    name = "nats_input"
    needs_format = True

    def open(self, config: Mapping[str, Any], table: Layout, pool: Pool) -> OpenNats:
        """Return a source. Raises: TransportRefused."""
        # Loaded here, not by the source's thread: a process that is forked meanwhile waits for the import for ever.
        import nats  # noqa: F401

        for name in config:
            if name not in _SETTINGS:
                raise TransportRefused(f"there is no setting {name!r}; there are {', '.join(_SETTINGS)}")
        connection, stream = config.get("connection_config"), config.get("stream_name")
        if not isinstance(connection, dict) or not isinstance(connection.get("server_url"), str):
            raise TransportRefused("connection_config lacks server_url")
        if not isinstance(stream, str) or not stream:
            raise TransportRefused("the setting 'stream_name' is missing")
        consumer = config.get("consumer_config") or {}
        policy, start = _policy(consumer.get("deliver_policy", "All"))
        subjects = consumer.get("filter_subjects") or []
        if not isinstance(subjects, list):
            raise TransportRefused(f"filter_subjects is a list, not {subjects!r}")
        retry_s = float(config.get("retry_interval_secs") or _RETRY_S)
        return OpenNats(_options(connection), stream, policy, start, [str(s) for s in subjects], retry_s)


class OpenNats:
    """Reads one stream by a consumer of its own. A place: the sequence number of a message."""

    def __init__(
        self, options: dict[str, Any], stream: str, policy: str, start: int | None, subjects: list[str], retry_s: float
    ) -> None:
        self._options, self._stream, self._policy, self._start = options, stream, policy, start
        self._subjects, self._retry_s = subjects, retry_s
        self._next: int | None = None

    def resume(self, place: Any) -> None:
        """Begin with the message of a place."""
        self._next = None if place is None else int(place["sequence"])

    def run(self, feed: Feed) -> None:
        """Give every message, for ever. A server that goes away is waited for."""
        asyncio.run(self._run(feed))

    async def _run(self, feed: Feed) -> None:
        import nats
        from nats.errors import Error
        from nats.js.errors import NotFoundError

        while True:
            try:
                client = await nats.connect(**self._options, allow_reconnect=False)
                try:
                    await self._read(feed, client)
                finally:
                    await client.close()
            except NotFoundError as error:
                raise OSError(f"there is no stream {self._stream!r}") from error
            except (Error, OSError) as error:
                feed.error(f"NATS: {error}")
                feed.wait_s(self._retry_s)

    async def _read(self, feed: Feed, client: Any) -> None:
        from nats.errors import TimeoutError as NothingCame

        stream = client.jetstream()
        subscription = await stream.pull_subscribe("", stream=self._stream, config=self._consumer())
        while True:
            feed.wait_s(0)
            try:
                messages = await subscription.fetch(_BATCH, timeout=_WAIT_S)
            except NothingCame:
                if not client.is_connected:
                    raise OSError("the connection is gone") from None
                continue
            for message in messages:
                sequence = message.metadata.sequence.stream
                if self._subjects and not any(_covers(subject, message.subject) for subject in self._subjects):
                    self._next = sequence + 1
                    continue
                feed.begins({"sequence": sequence})
                feed.data(message.data)
                feed.end_of_body()
                self._next = sequence + 1

    def _consumer(self) -> Any:
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

        start, policy = self._start, DeliverPolicy(self._policy)
        if self._next is not None:
            start, policy = self._next, DeliverPolicy.BY_START_SEQUENCE
        # Servers before 2.10 know one subject; several are chosen here.
        chosen: dict[str, Any] = {"filter_subject": self._subjects[0]} if len(self._subjects) == 1 else {}
        return ConsumerConfig(
            ack_policy=AckPolicy.NONE, deliver_policy=policy, opt_start_seq=start, inactive_threshold=60.0, **chosen
        )


def _covers(pattern: str, subject: str) -> bool:
    """Whether a subject is one of a pattern's: `*` is any token, `>` at the end any rest."""
    wanted, tokens = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted = wanted[:-1]
        if len(tokens) <= len(wanted):
            return False
        tokens = tokens[: len(wanted)]
    return len(wanted) == len(tokens) and all(w in ("*", t) for w, t in zip(wanted, tokens, strict=True))


def _policy(given: Any) -> tuple[str, int | None]:
    if isinstance(given, dict) and "ByStartSequence" in given:
        return "by_start_sequence", int(given["ByStartSequence"]["start_sequence"])
    name = str(given).lower()
    if name not in _POLICIES[:3]:
        raise TransportRefused(f"deliver_policy is All, Last, New or ByStartSequence, not {given!r}")
    return name, None


def _options(connection: Mapping[str, Any]) -> dict[str, Any]:
    auth = connection.get("auth") or {}
    options: dict[str, Any] = {"servers": connection["server_url"]}
    if both := auth.get("user_and_password"):
        options["user"], options["password"] = both.get("user"), both.get("password")
    if token := auth.get("token"):
        options["token"] = token
    if credentials := auth.get("credentials"):
        options["user_credentials"] = credentials.get("FromFile") if isinstance(credentials, dict) else credentials
    return options
