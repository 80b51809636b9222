"""Secrets: what is given out, to whom, and what is on disk."""

import pytest

from penstock.kernel.errors import Invalid, NotFound, Unavailable
from penstock.kernel.query import Query
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.services.documents import Documents
from penstock.services.secrets import MAX_TEXT_BYTES, SECRET, Secrets
from penstock.services.timekeeper import SystemClock
from penstock.store.memory import MemoryStore

KEY = bytes(range(32))
OTHER = Scope(("acme", "research"))


def _secrets(store: MemoryStore, key: bytes = KEY) -> Secrets:
    return Secrets(Documents(store, SystemClock()), key)


async def test_a_secret_reads_back_as_it_was_put() -> None:
    secrets = _secrets(MemoryStore())
    await secrets.put(DEFAULT_SCOPE, "token", "grüße\n")

    assert await secrets.get(DEFAULT_SCOPE, "token") == "grüße\n"
    assert await secrets.read(DEFAULT_SCOPE, "token") == "grüße\n"


async def test_a_secret_of_another_scope_is_not_there() -> None:
    secrets = _secrets(MemoryStore())
    await secrets.put(OTHER, "token", "1")

    assert await secrets.read(DEFAULT_SCOPE, "token") is None
    with pytest.raises(NotFound):
        await secrets.get(DEFAULT_SCOPE, "token")


async def test_the_store_never_holds_the_text() -> None:
    store = MemoryStore()
    await _secrets(store).put(DEFAULT_SCOPE, "token", "hunter2-hunter2")

    page = await store.select(Query(SECRET.name, DEFAULT_SCOPE))
    assert len(page.records) == 1
    assert b"hunter2" not in page.records[0].body
    assert "hunter2" not in repr(page.records[0])


async def test_the_same_text_is_sealed_differently_each_time() -> None:
    store = MemoryStore()
    secrets = _secrets(store)
    await secrets.put(DEFAULT_SCOPE, "a", "1")
    await secrets.put(DEFAULT_SCOPE, "b", "1")

    bodies = [record.body for record in (await store.select(Query(SECRET.name, DEFAULT_SCOPE))).records]
    assert bodies[0] != bodies[1]


async def test_a_secret_put_again_is_replaced_with_all_that_belongs_to_it() -> None:
    secrets = _secrets(MemoryStore())
    await secrets.put(DEFAULT_SCOPE, "token", "1", description="first", properties={"a": "b"})
    await secrets.put(DEFAULT_SCOPE, "token", "2", description="second")

    info = await secrets.find(DEFAULT_SCOPE, "token")
    assert (info.description, info.properties, info.revision) == ("second", {}, 2)
    assert await secrets.get(DEFAULT_SCOPE, "token") == "2"


async def test_a_list_has_the_names_of_a_prefix_in_order_and_no_texts() -> None:
    secrets = _secrets(MemoryStore())
    for name in ("x/b", "y/c", "x/a"):
        await secrets.put(DEFAULT_SCOPE, name, "hunter2")

    found = await secrets.list(DEFAULT_SCOPE, prefix="x/")

    assert [info.name for info in found] == ["x/a", "x/b"]
    assert "hunter2" not in repr(found)


async def test_a_deleted_secret_is_gone() -> None:
    secrets = _secrets(MemoryStore())
    await secrets.put(DEFAULT_SCOPE, "token", "1")
    await secrets.delete(DEFAULT_SCOPE, "token")

    assert await secrets.list(DEFAULT_SCOPE) == ()
    with pytest.raises(NotFound):
        await secrets.delete(DEFAULT_SCOPE, "token")


async def test_a_secret_sealed_by_another_server_does_not_open() -> None:
    store = MemoryStore()
    await _secrets(store).put(DEFAULT_SCOPE, "token", "1")

    with pytest.raises(Unavailable, match="put it again"):
        await _secrets(store, bytes(32)).get(DEFAULT_SCOPE, "token")


async def test_a_sealed_text_copied_to_another_name_does_not_open() -> None:
    store = MemoryStore()
    documents, secrets = Documents(store, SystemClock()), _secrets(store)
    await secrets.put(DEFAULT_SCOPE, "token", "1")
    stolen = await documents.find(SECRET, DEFAULT_SCOPE, "token")
    await documents.create(SECRET, OTHER, "mine", stolen.body)

    with pytest.raises(Unavailable):
        await secrets.get(OTHER, "mine")


@pytest.mark.parametrize(("name", "text"), [("", "1"), ("a" * 513, "1"), ("a", "x" * (MAX_TEXT_BYTES + 1))])
async def test_a_name_or_text_that_is_too_long_is_refused(name: str, text: str) -> None:
    with pytest.raises(Invalid):
        await _secrets(MemoryStore()).put(DEFAULT_SCOPE, name, text)
