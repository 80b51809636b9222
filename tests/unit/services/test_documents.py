from dataclasses import replace

import msgspec
import pytest

from penstock.kernel.errors import AlreadyExists, Conflict, NotFound
from penstock.kernel.query import Compare, Comparison, IsNull, Order
from penstock.kernel.records import Append, Delete, Replace, Write
from penstock.kernel.scope import DEFAULT_SCOPE, Scope
from penstock.services.documents import Documents, Kind
from penstock.services.timekeeper import SystemClock
from penstock.store.memory import MemoryStore


class Recipe(msgspec.Struct, frozen=True):
    minutes: int | None = None
    spicy: bool = False
    steps: list[str] = []

    @property
    def step_count(self) -> int:
        return len(self.steps)


RECIPE = Kind("test.recipe", Recipe, index=("minutes", "spicy", "step_count"), noun="recipe")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def documents(store: MemoryStore) -> Documents:
    return Documents(store, SystemClock())


async def test_a_document_keeps_its_id_scope_and_birth_through_revisions(documents: Documents) -> None:
    first = await documents.create(RECIPE, DEFAULT_SCOPE, "soup", Recipe(20))

    second = await documents.replace(first, Recipe(25), name="stew")

    assert (second.revision, second.name, second.body.minutes) == (2, "stew", 25)
    assert (second.id, second.scope, second.created_at) == (first.id, first.scope, first.created_at)
    assert second == await documents.find(RECIPE, DEFAULT_SCOPE, "stew")
    with pytest.raises(NotFound, match="recipe named 'soup'"):
        await documents.find(RECIPE, DEFAULT_SCOPE, "soup")


async def test_whoever_read_an_older_revision_cannot_replace_or_delete(documents: Documents) -> None:
    first = await documents.create(RECIPE, DEFAULT_SCOPE, "soup", Recipe())
    await documents.replace(first, Recipe(1))

    with pytest.raises(Conflict):
        await documents.replace(first, Recipe(2))
    with pytest.raises(Conflict):
        await documents.delete(first)


async def test_what_is_written_along_is_written_together_or_not_at_all(
    documents: Documents, store: MemoryStore
) -> None:
    at = SystemClock().now()
    await documents.create(RECIPE, DEFAULT_SCOPE, "soup", Recipe(), also=(Append("log", at, "made", b""),))

    with pytest.raises(NotFound):
        await documents.create(RECIPE, DEFAULT_SCOPE, "stew", Recipe(), also=(Delete("test.recipe", "absent"),))
    with pytest.raises(AlreadyExists):
        await documents.create(RECIPE, DEFAULT_SCOPE, "soup", Recipe(), also=(Append("log", at, "again", b""),))

    assert [fact.name for fact in await store.facts("log")] == ["made"]
    assert await documents.count(RECIPE, DEFAULT_SCOPE) == 1


async def test_an_update_starts_again_when_somebody_was_quicker() -> None:
    class QuickerColleague(MemoryStore):
        """Slips a replacement in before the first one that arrives."""

        is_waiting = True

        async def commit(self, *writes: Write) -> tuple[int, ...]:
            match writes:
                case (Replace() as change,) if self.is_waiting:
                    self.is_waiting = False
                    body = msgspec.json.encode(Recipe(100))
                    await super().commit(replace(change, body=body, index=RECIPE.columns(Recipe(100))))
            return await super().commit(*writes)

    documents = Documents(QuickerColleague(), SystemClock())
    recipe = await documents.create(RECIPE, DEFAULT_SCOPE, "soup", Recipe(1))

    changed = await documents.update(RECIPE, recipe.id, lambda body: Recipe((body.minutes or 0) + 10))

    assert (changed.body.minutes, changed.revision) == (110, 3)


async def test_documents_are_found_by_their_index_columns(documents: Documents) -> None:
    await documents.create(RECIPE, DEFAULT_SCOPE, "soup", Recipe(20, steps=["boil"]))
    await documents.create(RECIPE, DEFAULT_SCOPE, "curry", Recipe(40, True, ["fry", "simmer"]))
    await documents.create(RECIPE, DEFAULT_SCOPE, "water", Recipe())
    await documents.create(RECIPE, Scope(("other",)), "curry", Recipe(1, True))

    spicy = await documents.page(RECIPE, DEFAULT_SCOPE, where=Compare("spicy", Comparison.EQ, 1))
    unknown = await documents.page(RECIPE, DEFAULT_SCOPE, where=IsNull("minutes"))
    longest = await documents.page(RECIPE, DEFAULT_SCOPE, order=Order("step_count", descending=True), limit=1)

    assert [document.name for document in spicy.documents] == ["curry"]
    assert [document.name for document in unknown.documents] == ["water"]
    assert [document.name for document in longest.documents] == ["curry"]
    assert longest.next is not None


@pytest.mark.parametrize("value", [1 << 63, 1.5, ["x"]])
async def test_a_value_that_no_index_can_hold_is_refused(documents: Documents, value: object) -> None:
    class Loose(msgspec.Struct, frozen=True):
        value: object

    with pytest.raises(ValueError, match=r"test\.loose\.value"):
        await documents.create(Kind("test.loose", Loose, index=("value",)), DEFAULT_SCOPE, None, Loose(value))


def test_an_index_column_cannot_shadow_a_field_of_every_document() -> None:
    with pytest.raises(ValueError, match="created_at"):
        Kind("test.bad", Recipe, index=("created_at",))
