"""The seam, seen from outside: everything a dialect may rely on, through the ASGI application."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

NOTES = "/toy/work/notes"


async def test_a_created_document_is_read_back(toy: httpx.AsyncClient) -> None:
    created = await toy.post(NOTES, json={"title": "a", "text": "hello", "unknown": 1})

    assert (created.status_code, created.headers["etag"]) == (201, "1")
    shown = await toy.get(f"{NOTES}/a")
    assert (shown.status_code, shown.json()) == (200, {"title": "a", "stars": 0, "text": "hello"})
    assert shown.headers["content-type"] == "application/json"


async def test_a_core_error_comes_in_the_dialects_words(toy: httpx.AsyncClient) -> None:
    missing = await toy.get(f"{NOTES}/absent")

    assert missing.status_code == 404
    assert missing.json() == {"oops": "there is no note named 'absent'", "number": 2, "where": None}


async def test_a_taken_name_is_refused_in_its_scope_only(toy: httpx.AsyncClient) -> None:
    await toy.post(NOTES, json={"title": "a"})

    assert (await toy.post(NOTES, json={"title": "a"})).status_code == 409
    assert (await toy.post("/toy/home/notes", json={"title": "a"})).status_code == 201


async def test_an_unknown_path_is_answered_by_the_dialect_that_owns_it(toy: httpx.AsyncClient) -> None:
    for path in ("/toy/no/such/path", "/toy", "/also/toy/no/such/path"):
        reply = await toy.get(path)
        assert (reply.status_code, reply.json()["number"]) == (404, 2)


async def test_a_wrong_verb_names_the_right_ones(toy: httpx.AsyncClient) -> None:
    reply = await toy.put(f"{NOTES}/a")

    assert (reply.status_code, reply.json()["number"]) == (405, 3)
    assert reply.headers["allow"] == "GET, DELETE"


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"title": "a"} x', b"\xed\xa0\x80"])
async def test_a_body_that_is_no_json_is_invalid(toy: httpx.AsyncClient, body: bytes) -> None:
    reply = await toy.post(NOTES, content=body)

    assert (reply.status_code, reply.json()["number"]) == (400, 5)
    assert "not JSON" in reply.json()["oops"]


@pytest.mark.parametrize(
    ("body", "where"), [({"title": 1}, "/title"), ({"title": "a", "stars": "b"}, "/stars"), ([], ""), (None, "")]
)
async def test_a_body_of_another_shape_says_where(toy: httpx.AsyncClient, body: object, where: str) -> None:
    reply = await toy.post(NOTES, json=body)

    assert (reply.status_code, reply.json()["where"]) == (400, where)


async def test_a_body_that_is_too_long_is_refused_announced_or_not(toy: httpx.AsyncClient) -> None:
    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 100

    assert (await toy.post(NOTES, content=b" " * 1001)).status_code == 413
    assert (await toy.post(NOTES, content=unannounced())).status_code == 413
    assert (await toy.post("/toy/size", content=b"x" * 11)).status_code == 413
    assert (await toy.post("/toy/size", content=b"x" * 10)).json() == 10


async def test_a_caller_without_the_role_is_denied(toy: httpx.AsyncClient) -> None:
    for header, status in (("", 401), ("ann:king", 401), ("ann:reader", 403), ("ann:writer", 201), ("bob:owner", 409)):
        reply = await toy.post(NOTES, json={"title": "a"}, headers={"X-Toy": header})
        assert status == reply.status_code


async def test_an_open_operation_asks_nobody(toy: httpx.AsyncClient) -> None:
    reply = await toy.get("/toy-health", headers={"X-Toy": ""})

    assert (reply.status_code, reply.json()) == (200, {"up": True})


async def test_an_operation_that_is_not_implemented_says_so(toy: httpx.AsyncClient) -> None:
    reply = await toy.post(f"{NOTES}/a/archive")

    assert (reply.status_code, reply.json()["number"]) == (501, 7)


async def test_an_unexpected_exception_shows_an_id_and_no_detail(toy: httpx.AsyncClient) -> None:
    reply = await toy.get("/toy/crash")

    assert (reply.status_code, reply.json()["number"]) == (500, 1)
    assert "secret" not in reply.text
    assert "id " in reply.json()["oops"]


@pytest.mark.parametrize("title", ["a/b", "a%2Fb", 'quo"te', "späti", "a b", "a+b", "100%", "x:star", "?#"])
async def test_a_percent_encoded_name_reaches_the_handler_as_it_was(toy: httpx.AsyncClient, title: str) -> None:
    await toy.post(NOTES, json={"title": title})

    shown = await toy.get(f"{NOTES}/{_encoded(title)}")

    assert (shown.status_code, shown.json().get("title")) == (200, title)


async def test_a_verb_after_a_colon_is_part_of_the_path(toy: httpx.AsyncClient) -> None:
    await toy.post(NOTES, json={"title": "a:b"})

    assert (await toy.post(f"{NOTES}/a:b:star")).json()["stars"] == 1


async def test_a_rest_of_a_path_keeps_its_slashes(toy: httpx.AsyncClient) -> None:
    assert (await toy.get("/toy/rest/a/b%20c/d")).json() == "a/b c/d"


async def test_an_alias_serves_the_same_operations(toy: httpx.AsyncClient) -> None:
    await toy.post(NOTES, json={"title": "a"})

    assert (await toy.get("/also/toy/work/notes/a")).json()["title"] == "a"
    assert (await toy.get("/toy/work/notes/a/")).json()["title"] == "a"


async def test_pages_walk_through_everything_once(toy: httpx.AsyncClient) -> None:
    for number in range(25):
        await toy.post(NOTES, json={"title": f"n{number:02}", "stars": number % 3})
    titles: list[str] = []
    token = ""
    while True:
        reply = (await toy.get(NOTES, params={"size": 7, "page": token, "sort": "stars", "stars": 1})).json()
        titles += [note["title"] for note in reply["notes"]]
        token = reply["nextPage"]
        if not token:
            break

    expected = [f"n{number:02}" for number in range(25) if number % 3 == 1]
    assert titles == expected + [f"n{number:02}" for number in range(25) if number % 3 == 2]


@pytest.mark.parametrize(
    "parameters",
    [{"size": "0"}, {"size": "101"}, {"size": "x"}, {"size": "٣"}, {"size": "1_0"}, {"sort": "text"}, {"page": "%%"}],
)
async def test_a_wrong_parameter_is_invalid(toy: httpx.AsyncClient, parameters: dict[str, str]) -> None:
    reply = await toy.get(NOTES, params=parameters)

    assert (reply.status_code, reply.json()["number"]) == (400, 5)


async def test_a_page_token_of_another_order_is_invalid(toy: httpx.AsyncClient) -> None:
    for title in "abc":
        await toy.post(NOTES, json={"title": title})
    token = (await toy.get(NOTES, params={"size": 1})).json()["nextPage"]

    assert (await toy.get(NOTES, params={"size": 1, "page": token, "sort": "stars"})).status_code == 400
    assert (await toy.get(NOTES, params={"size": 1, "page": token})).json()["notes"][0]["title"] == "b"


async def test_concurrent_updates_are_all_kept(toy: httpx.AsyncClient) -> None:
    await toy.post(NOTES, json={"title": "a"})

    await asyncio.gather(*(toy.post(f"{NOTES}/a:star") for _ in range(10)))

    assert (await toy.get(f"{NOTES}/a")).json()["stars"] == 10


async def test_a_deleted_document_is_gone(toy: httpx.AsyncClient) -> None:
    await toy.post(NOTES, json={"title": "a"})

    deleted = await toy.delete(f"{NOTES}/a")

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await toy.get(f"{NOTES}/a")).status_code == 404


async def test_a_stream_goes_in_and_comes_out_in_pieces(toy: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for word in (b"one ", b"", b"two ", b"three"):
            yield word

    reply = await toy.post("/toy/shout", content=pieces())

    assert reply.text == "ONE TWO THREE"
    # Exactly as the handler said: some clients compare the whole header.
    assert reply.headers["content-type"] == "text/plain"


def _encoded(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())
