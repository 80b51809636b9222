"""What every metadata store must do. Subclass it and give a fixture `store`; see `test_metadata_stores.py`."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from penstock.kernel.errors import AlreadyExists, Conflict, Invalid, NotFound, Unavailable
from penstock.kernel.instants import EPOCH, from_unix_us
from penstock.kernel.query import (
    AllOf,
    AnyOf,
    Compare,
    Comparison,
    Cursor,
    IndexValue,
    IsNull,
    Not,
    OneOf,
    Order,
    Predicate,
    Query,
    matches,
)
from penstock.kernel.records import Append, Delete, DropStream, Insert, Record, Replace, fields_of
from penstock.kernel.scope import Scope
from penstock.ports.metadata import MetadataStore

HERE = Scope(("acme", "research"))
ELSEWHERE = Scope(("acme",))
LATER = EPOCH + timedelta(days=1, microseconds=7)


def insert(
    id: str, name: str | None = None, scope: Scope = HERE, at_us: int = 0, body: bytes = b"", **index: IndexValue
) -> Insert:
    return Insert("toy.thing", id, scope, name, from_unix_us(at_us), body, index)


async def pages(store: MetadataStore, query: Query) -> list[Record]:
    """Walk through all pages by cursor."""
    records: list[Record] = []
    after: Cursor | None = None
    while True:
        page = await store.select(Query(query.kind, query.scope, query.where, query.order, query.limit, after))
        records += page.records
        if page.next is None:
            return records
        assert len(page.records) == query.limit
        after = page.next


class MetadataStoreContract:
    async def test_an_inserted_record_is_read_back_as_it_was(self, store: MetadataStore) -> None:
        body = bytes(range(256))

        assert await store.commit(
            insert("1", "näme \N{SNOWMAN}", body=body, size=-(1 << 63), colour="red", none=None)
        ) == (1,)

        expected = Record(
            "toy.thing", "1", HERE, "näme \N{SNOWMAN}", 1, EPOCH, EPOCH,
            {"size": -(1 << 63), "colour": "red", "none": None}, body,
        )  # fmt: skip
        assert expected == await store.get("toy.thing", "1")
        assert expected == await store.find("toy.thing", HERE, "näme \N{SNOWMAN}")

    async def test_what_is_not_there_reads_as_none(self, store: MetadataStore) -> None:
        await store.commit(insert("1", "a"))

        assert await store.get("toy.thing", "2") is None
        assert await store.get("toy.other", "1") is None
        assert await store.find("toy.thing", HERE, "b") is None
        assert await store.find("toy.thing", ELSEWHERE, "a") is None

    async def test_a_name_is_unique_in_its_scope_and_kind_only(self, store: MetadataStore) -> None:
        await store.commit(insert("1", "a"))

        with pytest.raises(AlreadyExists, match="'a'"):
            await store.commit(insert("2", "a"))
        await store.commit(insert("3", "a", ELSEWHERE))
        await store.commit(Insert("toy.other", "4", HERE, "a", EPOCH, b""))
        await store.commit(insert("5", None), insert("6", None))

    async def test_an_id_is_unique_in_its_kind(self, store: MetadataStore) -> None:
        await store.commit(insert("1", "a"))

        with pytest.raises(AlreadyExists, match="'1'"):
            await store.commit(insert("1", "b", ELSEWHERE))

    async def test_a_replacement_has_the_next_revision(self, store: MetadataStore) -> None:
        await store.commit(insert("1", "a", body=b"old", colour="red"))

        assert await store.commit(Replace("toy.thing", "1", "b", LATER, b"new", {"colour": "blue"})) == (2,)

        record = await store.get("toy.thing", "1")
        assert record == Record("toy.thing", "1", HERE, "b", 2, EPOCH, LATER, {"colour": "blue"}, b"new")
        assert await store.find("toy.thing", HERE, "a") is None
        assert await store.count(Query("toy.thing", HERE, Compare("colour", Comparison.EQ, "red"))) == 0

    async def test_a_replacement_of_an_older_revision_is_a_conflict(self, store: MetadataStore) -> None:
        await store.commit(insert("1", "a", body=b"first"))
        await store.commit(Replace("toy.thing", "1", "a", LATER, b"second", {}, expected_revision=1))

        with pytest.raises(Conflict, match="revision 2, not 1"):
            await store.commit(Replace("toy.thing", "1", "a", LATER, b"third", {}, expected_revision=1))
        with pytest.raises(Conflict):
            await store.commit(Delete("toy.thing", "1", expected_revision=1))

        record = await store.get("toy.thing", "1")
        assert record is not None and record.body == b"second"

    async def test_a_replacement_cannot_take_a_name_in_use(self, store: MetadataStore) -> None:
        await store.commit(insert("1", "a"), insert("2", "b"))

        with pytest.raises(AlreadyExists):
            await store.commit(Replace("toy.thing", "2", "a", LATER, b""))
        await store.commit(Replace("toy.thing", "2", "b", LATER, b""))

    async def test_changing_what_is_not_there_is_not_found(self, store: MetadataStore) -> None:
        with pytest.raises(NotFound):
            await store.commit(Replace("toy.thing", "1", None, LATER, b""))
        with pytest.raises(NotFound):
            await store.commit(Delete("toy.thing", "1"))

    async def test_a_deleted_record_is_gone_and_its_name_free(self, store: MetadataStore) -> None:
        await store.commit(insert("1", "a", colour="red"))

        assert await store.commit(Delete("toy.thing", "1", expected_revision=1)) == (0,)

        assert await store.get("toy.thing", "1") is None
        assert await store.count(Query("toy.thing", HERE)) == 0
        await store.commit(insert("2", "a"))

    async def test_a_transaction_is_applied_whole_or_not_at_all(self, store: MetadataStore) -> None:
        await store.commit(insert("1", "a"))

        with pytest.raises(NotFound):
            await store.commit(
                insert("2", "b"),
                Append("s", EPOCH, "made", b""),
                Replace("toy.thing", "1", "c", LATER, b"changed"),
                Delete("toy.thing", "absent"),
            )

        assert await store.get("toy.thing", "2") is None
        assert await store.facts("s") == ()
        record = await store.get("toy.thing", "1")
        assert record is not None and (record.name, record.revision) == ("a", 1)

    async def test_a_write_sees_those_before_it_in_the_transaction(self, store: MetadataStore) -> None:
        outcome = await store.commit(
            insert("1", "a"),
            Replace("toy.thing", "1", "b", LATER, b"", {}, expected_revision=1),
            insert("2", "a"),
            Append("s", EPOCH, "one", b""),
            Append("s", EPOCH, "two", b"", expected_position=1),
            Delete("toy.thing", "1", expected_revision=2),
        )

        assert outcome == (1, 2, 1, 1, 2, 0)

    async def test_facts_have_positions_without_a_gap(self, store: MetadataStore) -> None:
        for position in range(1, 6):
            assert await store.commit(Append("s", LATER, f"fact {position}", b"\x00")) == (position,)
        await store.commit(Append("other", EPOCH, "x", b""))

        assert [fact.position for fact in await store.facts("s")] == [1, 2, 3, 4, 5]
        assert [fact.position for fact in await store.facts("s", after=2, limit=2)] == [3, 4]
        assert [fact.position for fact in await store.facts("s", limit=2, newest_first=True)] == [5, 4]
        assert [fact.position for fact in await store.facts("s", after=4, newest_first=True)] == [5]
        assert (await store.facts("s", after=4))[0].name == "fact 5"
        assert (await store.facts("s", after=4))[0].at == LATER

    async def test_an_append_at_an_unexpected_position_is_a_conflict(self, store: MetadataStore) -> None:
        await store.commit(Append("s", EPOCH, "one", b"", expected_position=0))

        with pytest.raises(Conflict):
            await store.commit(Append("s", EPOCH, "two", b"", expected_position=0))

        assert len(await store.facts("s")) == 1

    async def test_a_dropped_stream_is_empty(self, store: MetadataStore) -> None:
        await store.commit(Append("s", EPOCH, "one", b""))
        await store.commit(DropStream("s"), DropStream("never there"))

        assert await store.facts("s") == ()

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("field", ["created_at", "updated_at", "name", "id", "revision", "rank", "undeclared"])
    async def test_pages_by_cursor_hold_every_record_once_in_order(
        self, store: MetadataStore, field: str, descending: bool
    ) -> None:
        ranks: list[IndexValue] = [3, "3", None, 1, "a", 3, None, -5, "", "B", 10]
        for number, rank in enumerate(ranks):
            name = None if number % 4 == 0 else f"n{number * 7 % 10}"
            await store.commit(insert(f"id{number:02}", name, at_us=number // 3, rank=rank))
        await store.commit(insert("elsewhere", scope=ELSEWHERE, rank=2))
        await store.commit(Insert("toy.thing", "without rank", HERE, None, EPOCH, b""))

        found = await pages(store, Query("toy.thing", HERE, order=Order(field, descending), limit=3))

        places = [(_place(fields_of(record).get(field)), record.created_at, record.id) for record in found]
        assert len({record.id for record in found}) == len(ranks) + 1
        assert all(a > b if descending else a < b for a, b in pairwise(places))

    async def test_a_page_stays_in_place_when_earlier_records_come_and_go(self, store: MetadataStore) -> None:
        for number in range(6):
            await store.commit(insert(f"id{number}", at_us=number * 10))
        first = await store.select(Query("toy.thing", HERE, limit=3))

        await store.commit(Delete("toy.thing", "id0"), Delete("toy.thing", "id2"), insert("new", at_us=5))

        second = await store.select(Query("toy.thing", HERE, limit=3, after=first.next))
        assert [record.id for record in second.records] == ["id3", "id4", "id5"]
        assert second.next is None

    async def test_an_offset_skips_records(self, store: MetadataStore) -> None:
        for number in range(5):
            await store.commit(insert(f"id{number}", at_us=number))

        page = await store.select(Query("toy.thing", HERE, limit=2, offset=2))
        assert [record.id for record in page.records] == ["id2", "id3"]
        assert (await store.select(Query("toy.thing", HERE, offset=9))).records == ()

    @pytest.mark.parametrize(
        "predicate",
        [
            *(Compare("rank", comparison, 3) for comparison in Comparison),
            *(Compare("rank", comparison, "b") for comparison in Comparison),
            *(Compare("name", comparison, "n3") for comparison in Comparison),
            *(Compare("created_at", comparison, 4) for comparison in Comparison),
            Compare("rank", Comparison.CONTAINS, "%_"),
            Compare("rank", Comparison.STARTS_WITH, ""),
            Compare("id", Comparison.GE, "id05"),
            Compare("undeclared", Comparison.NE, 1),
            OneOf("rank", (3, "abc")),
            OneOf("name", ("n1", "n2", "zzz")),
            OneOf("name", ()),
            IsNull("rank"),
            IsNull("name"),
            IsNull("undeclared"),
            AllOf(),
            AnyOf(),
            AllOf((Compare("rank", Comparison.GT, 0), Compare("created_at", Comparison.LT, 5))),
            AnyOf((Compare("rank", Comparison.EQ, 3), IsNull("name"), OneOf("id", ("id04",)))),
            AllOf((AnyOf((IsNull("rank"), Compare("rank", Comparison.LT, 3))), Not(IsNull("name")))),
        ],
    )
    async def test_a_predicate_selects_what_the_kernel_says(self, store: MetadataStore, predicate: Predicate) -> None:
        ranks: list[IndexValue] = [3, "3", None, 1, "abc", 4, "b", -5, "", "100%_x", "B", 3]
        for number, rank in enumerate(ranks):
            await store.commit(insert(f"id{number:02}", f"n{number}" if number % 3 else None, at_us=number, rank=rank))
        everything = (await store.select(Query("toy.thing", HERE))).records

        for where in (predicate, Not(predicate)):
            expected = {record.id for record in everything if matches(where, fields_of(record))}
            found = await store.select(Query("toy.thing", HERE, where))
            assert expected == {record.id for record in found.records}
            assert len(expected) == await store.count(Query("toy.thing", HERE, where))

    async def test_a_page_of_no_or_too_many_records_is_refused(self, store: MetadataStore) -> None:
        for limit in (0, -1, 1_000_000):
            with pytest.raises(Invalid):
                Query("toy.thing", HERE, limit=limit)

    async def test_of_concurrent_replacements_of_one_revision_exactly_one_wins(self, store: MetadataStore) -> None:
        await store.commit(insert("1", "a"))
        attempts = [
            store.commit(Replace("toy.thing", "1", "a", LATER, str(number).encode(), {}, expected_revision=1))
            for number in range(20)
        ]

        outcomes = await asyncio.gather(*attempts, return_exceptions=True)

        assert sum(outcome == (2,) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 19

    async def test_concurrent_appends_all_find_a_place(self, store: MetadataStore) -> None:
        outcomes = await asyncio.gather(*(store.commit(Append("s", EPOCH, "x", b"")) for _ in range(200)))

        assert sorted(position for (position,) in outcomes) == list(range(1, 201))

    async def test_digests_are_found_wherever_they_stand(self, store: MetadataStore) -> None:
        digests = [f"{number:064x}" for number in range(4)]
        body = b'{"uri": "store:%b", "not": "%b"}' % (digests[0].encode(), b"F" * 64)
        await store.commit(
            insert("1", body=body, package=digests[1]),
            insert("2", body=digests[2].encode()),
            Delete("toy.thing", "2"),
            Append("s", EPOCH, "x", digests[3].encode()),
        )

        assert await store.digests() == {digests[0], digests[1], digests[3]}

    async def test_a_closed_store_refuses_everything(self, store: MetadataStore) -> None:
        await store.close()
        await store.close()

        with pytest.raises(Unavailable):
            await store.commit(insert("1"))
        with pytest.raises(Unavailable):
            await store.get("toy.thing", "1")
        with pytest.raises(Unavailable):
            await store.select(Query("toy.thing", HERE))


def _place(value: IndexValue) -> tuple[int, int, str]:
    """The order by its definition in words: unset, then integers, then text; written apart from the kernel's own."""
    if value is None:
        return (0, 0, "")
    return (2, 0, value) if isinstance(value, str) else (1, value, "")
