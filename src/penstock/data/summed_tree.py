"""An ordered index that also sums: a search tree of a group's rows that knows the sums of some words over any stretch.

A treap as in `tree.py`, with links to parents and, beside each node's own words, their totals over its subtree. So a
node's position, what stands at a position, and the sum over a stretch each cost one path; and whoever holds a node
finds its neighbours without comparing anything. Sums are of integers modulo 2^64: they do not depend on the tree's
shape, and so not on the order in which rows came.

Arguments that all kernels share: records; link, the place of the left link (then come the right one, the parent's,
`count` own words and their `count` totals; links are ids + 1); and how rows compare (`comparing.compare_rows`). A root
is an id + 1, or 0 for an empty tree.
How values compare, wherever they stand, is in `comparing.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.data.comparing import compare_rows, compare_words
from penstock.data.kernels import compiled, finish

LINKS = 3
"""Words of a node before its own words: links to the left, to the right and to the parent."""

_ABREAST = 32
"""Paths that are gone side by side."""


def node_words(count: int) -> int:
    """Return how many words of a record a node with `count` summed words takes."""
    return LINKS + 2 * count


@compiled(inline=True)
def _priority(i: Any) -> Any:  # pragma: no cover - compiled
    return finish(np.uint64(i) + np.uint64(0x9E3779B97F4A7C15))


@compiled("void(int64[:, ::1], int64, int64, int64)")
def _total(records: Any, x: Any, link: Any, count: Any) -> None:  # pragma: no cover - compiled
    """Sum up a node's totals from its own words and its children's totals."""
    own = link + LINKS
    a = records[x, link] - 1
    b = records[x, link + 1] - 1
    for j in range(own, own + count):
        total = records[x, j]
        if a >= 0:
            total += records[a, j + count]
        if b >= 0:
            total += records[b, j + count]
        records[x, j + count] = total


@compiled(
    "int64(int64[:, ::1], int64[::1], int64[::1], int64, int64, int64, int64[::1], int64[::1], int64, int64,"
    " uint8[::1], int64[:, ::1])"
)
def approach(
    records: Any,
    roots: Any,
    ids: Any,
    link: Any,
    row: Any,
    order: Any,
    modes: Any,
    signs: Any,
    columns: Any,
    nulls: Any,
    heap: Any,
    entries: Any,
) -> Any:  # pragma: no cover - compiled
    """Go down side by side to where records belong, so that their paths are near when they are put in one by one.

    roots: those of their trees; overwritten. Returns the number of nodes met.
    """
    left = len(ids)
    of = np.arange(left)
    met = np.int64(0)
    while left > 0:
        n = 0
        for j in range(left):
            at = roots[j] - 1
            if at < 0:
                continue
            met += 1
            x = ids[of[j]]
            side = link
            if compare_rows(records, x, at, row, order, modes, signs, columns, nulls, heap, entries) > 0:
                side = link + 1
            roots[n] = records[at, side]
            of[n] = of[j]
            n += 1
        left = n
    return met


@compiled(
    "int64(int64[:, ::1], int64, int64, int64, int64, int64, int64, int64[::1], int64[::1], int64, int64, uint8[::1],"
    " int64[:, ::1])"
)
def insert(
    records: Any,
    root: Any,
    x: Any,
    link: Any,
    count: Any,
    row: Any,
    order: Any,
    modes: Any,
    signs: Any,
    columns: Any,
    nulls: Any,
    heap: Any,
    entries: Any,
) -> Any:  # pragma: no cover - compiled
    """Put record x, whose own words are set and which is not in the tree, into it; returns the new root."""
    parent = np.int64(-1)
    side = link
    at = root
    while at > 0:
        parent = at - 1
        side = link
        if compare_rows(records, x, parent, row, order, modes, signs, columns, nulls, heap, entries) > 0:
            side = link + 1
        at = records[parent, side]
    records[x, link] = 0
    records[x, link + 1] = 0
    records[x, link + 2] = parent + 1
    if parent >= 0:
        records[parent, side] = x + 1
    mine = _priority(x)
    while parent >= 0 and mine > _priority(parent):
        # Turn x up over its parent.
        side = link if records[parent, link] == x + 1 else link + 1
        other = link + link + 1 - side
        child = records[x, other]
        records[parent, side] = child
        if child > 0:
            records[child - 1, link + 2] = parent + 1
        above = records[parent, link + 2] - 1
        records[x, other] = parent + 1
        records[parent, link + 2] = x + 1
        records[x, link + 2] = above + 1
        if above >= 0:
            if records[above, link] == parent + 1:
                records[above, link] = x + 1
            else:
                records[above, link + 1] = x + 1
        _total(records, parent, link, count)
        parent = above
    _total(records, x, link, count)
    own = link + LINKS
    at = parent
    while at >= 0:
        for j in range(own, own + count):
            records[at, j + count] += records[x, j]
        at = records[at, link + 2] - 1
    return x + 1 if parent < 0 else root


@compiled("int64(int64[:, ::1], int64, int64, int64, int64)")
def unlink(records: Any, root: Any, x: Any, link: Any, count: Any) -> Any:  # pragma: no cover - compiled
    """Take record x, whose own words are 0, out of the tree that it is in; returns the new root."""
    above = records[x, link + 2] - 1
    parent = above
    side = link
    if parent >= 0 and records[parent, link] != x + 1:
        side = link + 1
    a = records[x, link]
    b = records[x, link + 1]
    while True:
        if a == 0 or b == 0:
            top = a + b
        elif _priority(a - 1) > _priority(b - 1):
            top = a
        else:
            top = b
        if parent < 0:
            root = top
        else:
            records[parent, side] = top
        if top > 0:
            records[top - 1, link + 2] = parent + 1
        if a == 0 or b == 0:
            break
        parent = top - 1
        if top == a:
            side = link + 1
            a = records[parent, side]
        else:
            side = link
            b = records[parent, side]
    while parent != above:
        _total(records, parent, link, count)
        parent = records[parent, link + 2] - 1
    return root


@compiled("void(int64[:, ::1], int64[::1], int64, int64, int64, int64[::1])")
def add_to(
    records: Any, ids: Any, link: Any, count: Any, word: Any, differences: Any
) -> None:  # pragma: no cover - compiled
    """Add to one of the own words of nodes, and to the totals above them.

    Some paths are gone up side by side here, as in `withdraw` and `befores`: their cache misses overlap.
    """
    own = link + LINKS + word
    at = np.empty(_ABREAST, np.int64)
    amount = np.empty(_ABREAST, np.int64)
    for first in range(0, len(ids), _ABREAST):
        left = 0
        for k in range(first, min(first + _ABREAST, len(ids))):
            if differences[k] != 0:
                at[left] = ids[k]
                amount[left] = differences[k]
                left += 1
                records[ids[k], own] += differences[k]
        while left > 0:
            n = 0
            for j in range(left):
                x = at[j]
                records[x, own + count] += amount[j]
                above = records[x, link + 2] - 1
                if above >= 0:
                    at[n] = above
                    amount[n] = amount[j]
                    n += 1
            left = n


@compiled("void(int64[:, ::1], int64[::1], int64, int64)")
def withdraw(records: Any, ids: Any, link: Any, count: Any) -> None:  # pragma: no cover - compiled
    """Make the own words of nodes 0, also in the totals above them: then they can be unlinked."""
    own = link + LINKS
    at = np.empty(_ABREAST, np.int64)
    of = np.empty(_ABREAST, np.int64)
    for first in range(0, len(ids), _ABREAST):
        left = min(_ABREAST, len(ids) - first)
        for j in range(left):
            at[j] = ids[first + j]
            of[j] = ids[first + j]
        while left > 0:
            n = 0
            for j in range(left):
                x = at[j]
                for word in range(own, own + count):
                    records[x, word + count] -= records[of[j], word]
                above = records[x, link + 2] - 1
                if above >= 0:
                    at[n] = above
                    of[n] = of[j]
                    n += 1
            left = n
        for k in range(first, min(first + _ABREAST, len(ids))):
            for word in range(own, own + count):
                records[ids[k], word] = 0


@compiled("void(int64[:, ::1], int64[::1], int64, int64, int64, int64[::1])")
def befores(records: Any, ids: Any, link: Any, count: Any, word: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Write for each node the sum of one word over all nodes before it."""
    own = link + LINKS + word
    at = np.empty(_ABREAST, np.int64)
    of = np.empty(_ABREAST, np.int64)
    for first in range(0, len(ids), _ABREAST):
        left = min(_ABREAST, len(ids) - first)
        for j in range(left):
            x = ids[first + j]
            below = records[x, link] - 1
            out[first + j] = records[below, own + count] if below >= 0 else 0
            at[j] = x
            of[j] = first + j
        while left > 0:
            n = 0
            for j in range(left):
                x = at[j]
                above = records[x, link + 2] - 1
                if above >= 0:
                    if records[above, link + 1] == x + 1:
                        # All of the parent's subtree that is not in ours.
                        out[of[j]] += records[above, own + count] - records[x, own + count]
                    at[n] = above
                    of[n] = of[j]
                    n += 1
            left = n


@compiled("int64(int64[:, ::1], int64, int64, int64, int64)")
def before(records: Any, x: Any, link: Any, count: Any, word: Any) -> Any:  # pragma: no cover - compiled
    """Return the sum of one word over all nodes before x."""
    own = link + LINKS + word
    result = np.int64(0)
    left = records[x, link] - 1
    if left >= 0:
        result += records[left, own + count]
    parent = records[x, link + 2] - 1
    while parent >= 0:
        if records[parent, link + 1] == x + 1:
            # All of the parent's subtree that is not in ours.
            result += records[parent, own + count] - records[x, own + count]
        x = parent
        parent = records[x, link + 2] - 1
    return result


@compiled("int64(int64[:, ::1], int64, int64, int64, int64, int64, int64[::1])")
def at_sum(
    records: Any, root: Any, link: Any, count: Any, word: Any, position: Any, sums: Any
) -> Any:  # pragma: no cover - compiled
    """Return the node in which a word's running sum passes `position`, -1 if it never does.

    sums (count,): the sums over all nodes before it. Own words of this place must not be negative.
    """
    own = link + LINKS
    sums[:] = 0
    at = root - 1
    while at >= 0:
        left = records[at, link] - 1
        here = sums[word]
        if left >= 0:
            here += records[left, own + count + word]
        if position < here:
            at = left
            continue
        if left >= 0:
            for j in range(count):
                sums[j] += records[left, own + count + j]
        if position < here + records[at, own + word]:
            return at
        for j in range(count):
            sums[j] += records[at, own + j]
        at = records[at, link + 1] - 1
    return np.int64(-1)


@compiled("int64(int64[:, ::1], int64, int64, int64[::1], int64[::1], int64[::1], uint8[::1], int64[:, ::1])")
def compare_order(
    records: Any, x: Any, order: Any, words: Any, modes: Any, signs: Any, heap: Any, entries: Any
) -> Any:  # pragma: no cover - compiled
    """Compare a record's order words with others: negative, 0 or positive."""
    for j in range(len(signs)):
        c = compare_words(records[x, order + j], words[j], modes[j], heap, entries)
        if c != 0:
            return c * signs[j]
    return 0


@compiled(
    "int64(int64[:, ::1], int64, int64, int64, int64[::1], int64, boolean, int64[::1], int64[::1], uint8[::1],"
    " int64[:, ::1], int64[::1])"
)
def first_from(
    records: Any,
    root: Any,
    link: Any,
    count: Any,
    words: Any,
    order: Any,
    with_equals: bool,
    modes: Any,
    signs: Any,
    heap: Any,
    entries: Any,
    sums: Any,
) -> Any:  # pragma: no cover - compiled
    """Return the first node whose order words do not stand before the given ones, -1 if there is none.

    with_equals: words that are equal to them stand before them too. sums (count,): the sums over all nodes before it.
    """
    own = link + LINKS
    sums[:] = 0
    found = np.int64(-1)
    at = root - 1
    while at >= 0:
        c = compare_order(records, at, order, words, modes, signs, heap, entries)
        if c < 0 or (c == 0 and with_equals):
            left = records[at, link] - 1
            for j in range(count):
                sums[j] += records[at, own + j]
                if left >= 0:
                    sums[j] += records[left, own + count + j]
            at = records[at, link + 1] - 1
        else:
            found = at
            at = records[at, link] - 1
    return found


@compiled("int64(int64[:, ::1], int64, int64)")
def following(records: Any, x: Any, link: Any) -> Any:  # pragma: no cover - compiled
    """Return the node after x, or -1."""
    at = records[x, link + 1] - 1
    if at >= 0:
        while records[at, link] > 0:
            at = records[at, link] - 1
        return at
    parent = records[x, link + 2] - 1
    while parent >= 0 and records[parent, link + 1] == x + 1:
        x = parent
        parent = records[x, link + 2] - 1
    return parent


@compiled("int64(int64[:, ::1], int64, int64)")
def preceding(records: Any, x: Any, link: Any) -> Any:  # pragma: no cover - compiled
    """Return the node before x, or -1."""
    at = records[x, link] - 1
    if at >= 0:
        while records[at, link + 1] > 0:
            at = records[at, link + 1] - 1
        return at
    parent = records[x, link + 2] - 1
    while parent >= 0 and records[parent, link] == x + 1:
        x = parent
        parent = records[x, link + 2] - 1
    return parent
