import asyncio

from penstock.services.circuits.logbook import Logbook


def test_old_lines_make_room_for_new_ones() -> None:
    book = Logbook("e", max_lines=3)
    for number in range(1, 6):
        book.write(str(number))

    assert (book.lines, book.discarded) == (("3", "4", "5"), 2)
    assert book.place().number == 2
    assert (book.place("e", 4).number, book.place("e", 4).gap) == (4, 0)
    assert (book.place("e", 1).number, book.place("e", 1).gap) == (2, 1)
    assert (book.place("other", 4).number, book.place("e", 99).number) == (2, 5)


def test_the_ring_is_bounded_in_bytes_too() -> None:
    book = Logbook("e", max_bytes=10)
    book.write("12345678")
    book.write("abcd")

    assert book.lines == ("abcd",)


async def test_a_reader_gets_what_is_there_what_comes_and_the_end() -> None:
    book = Logbook("e")
    book.write("a\nb")
    reading = book.follow(0)

    assert await anext(reading) == ("a", "b")
    waiting = asyncio.create_task(anext(reading))
    await asyncio.sleep(0)
    book.write("c")
    assert await waiting == ("c",)
    book.close()
    assert await anext(reading, None) is None
