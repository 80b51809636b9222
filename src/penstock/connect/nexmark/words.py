"""Text columns of the Nexmark events, made in bulk as Arrow strings; what they mean is the generator's matter."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

STATES = pa.array(["AZ", "CA", "ID", "OR", "WA", "WY"])
"""Few on purpose: q3 keeps OR, ID and CA."""
CITIES = pa.array(
    ["Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"]
)
_FIRST_NAMES = ["Ada", "Bela", "Carla", "Dario", "Edda", "Femi", "Greta", "Hugo", "Iris", "Jonas", "Kira"]
_LAST_NAMES = ["Abel", "Brandt", "Costa", "Dietz", "Engel", "Fabre", "Grau", "Holm", "Ito"]
_FULL_NAMES = pa.array([f"{first} {last}" for first in _FIRST_NAMES for last in _LAST_NAMES])

HOT_CHANNELS = ("Google", "Facebook", "Baidu", "Apple")
HOT_CHANNEL_COUNT = len(HOT_CHANNELS)
CHANNEL_COUNT = HOT_CHANNEL_COUNT + 10_000

Bytes = npt.NDArray[np.uint8]


def pick(rng: np.random.Generator, choices: pa.Array, n: int) -> pa.Array:
    """Draw n of the choices, evenly, with repetition."""
    return choices.take(pa.array(rng.integers(0, len(choices), n)))


def letters(rng: np.random.Generator, n: int, shortest: int, longest: int) -> pa.Array:
    """Make n strings of lower-case letters, each of shortest..longest bytes; practically all are different."""
    lengths = rng.integers(shortest, longest + 1, n)
    ends = np.zeros(n + 1, dtype=np.int32)
    np.cumsum(lengths, out=ends[1:])
    return pa.StringArray.from_buffers(n, pa.py_buffer(ends), pa.py_buffer(_letters(rng, int(ends[-1]))))


def person_names(rng: np.random.Generator, n: int) -> pa.Array:
    """Make n full names out of 99."""
    return pick(rng, _FULL_NAMES, n)


def emails(rng: np.random.Generator, n: int) -> pa.Array:
    """Make n addresses of the form aaaaaaa@bbbbb.com."""
    text = np.empty((n, 17), dtype=np.uint8)
    text[:, :7] = _letters(rng, n * 7).reshape(n, 7)
    text[:, 7] = ord("@")
    text[:, 8:13] = _letters(rng, n * 5).reshape(n, 5)
    text[:, 13:] = np.frombuffer(b".com", dtype=np.uint8)
    return _fixed(text)


def credit_cards(rng: np.random.Generator, n: int) -> pa.Array:
    """Make n numbers of the form dddd dddd dddd dddd."""
    text = rng.integers(ord("0"), ord("9") + 1, (n, 19), dtype=np.uint8)
    text[:, 4::5] = ord(" ")
    return _fixed(text)


@lru_cache(maxsize=1)
def channels(seed: int) -> tuple[pa.Array, pa.Array]:
    """Give the names and urls of all channels, the hot ones first; the url belongs to the channel.

    Sizes: 10,004 channels; a url has about 70 bytes.
    """
    rng = np.random.default_rng([seed, 10_004])
    cold = [f"channel-{number}" for number in range(CHANNEL_COUNT - HOT_CHANNEL_COUNT)]
    paths = letters(rng, CHANNEL_COUNT, 15, 15).to_pylist()
    urls = [
        f"https://www.nexmark.com/{path[:5]}/{path[5:10]}/{path[10:]}/item.htm?query=1&channel_id={number}"
        for number, path in enumerate(paths)
    ]
    return pa.array([*HOT_CHANNELS, *cold]), pa.array(urls)


def _letters(rng: np.random.Generator, total: int) -> Bytes:
    text = rng.integers(0, 26, total, dtype=np.uint8)
    text += ord("a")
    return text


def _fixed(text: Bytes) -> pa.Array:
    """Turn an (n, width) matrix of bytes into n strings without copying it."""
    n, width = text.shape
    ends = np.arange(0, (n + 1) * width, width, dtype=np.int32)
    return pa.StringArray.from_buffers(n, pa.py_buffer(ends), pa.py_buffer(np.ascontiguousarray(text)))
