"""The kernels of `sequences.py`: what is done to one record after the other.

Arguments that they share: groups and root_at, the groups' records and the word of a tree's root there; records, those
of the rows; order and link, where their order words and their nodes begin; count, how many words are summed.
How values compare, wherever they stand, is in `comparing.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.data.comparing import UNSIGNED
from penstock.data.kernels import compiled
from penstock.data.records import add, find, remove
from penstock.data.summed_tree import (
    LINKS,
    add_to,
    approach,
    at_sum,
    before,
    befores,
    compare_order,
    first_from,
    following,
    insert,
    preceding,
    unlink,
    withdraw,
)

NODES, OLD, NEW, SUMS = 0, 1, 2, 3
"""Summed words of a node: 1; the row's weight before and after the step, 0 where it is negative; then the user's."""

WEIGHT, GROUP, MARK, LINK = 0, 1, 2, 3
"""Payload of a row after its order words: weight, its group's record, place in the step's list + 1, then the node."""

KEYS, ROWS = 0, 1
"""What a distance is measured in."""

_STRIDE = 8
"""Nodes that a cursor goes over one by one before it looks for its place from the root."""

_NEAR = 24
"""Nodes that are gone over one by one to a row so many rows away; then it is looked for from the root."""

_ABREAST = 32
"""Rows whose places are looked for side by side."""

FAR = 2**62
"""A distance that stands for "unbounded"."""


@compiled(
    "int64(int64[:, ::1], int64, int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64, int64[::1], int64[::1],"
    " int64[::1], int64, int64[::1], int64[::1], int64, int64, uint8[::1], int64[:, ::1], int64[::1], int64[::1])"
)
def enter(
    groups: Any,
    root_at: int,
    records: Any,
    directory: Any,
    meta: Any,
    lines: Any,
    width: int,
    hashes: Any,
    ids: Any,
    weights: Any,
    count: int,
    modes: Any,
    signs: Any,
    columns: int,
    nulls: int,
    heap: Any,
    entries: Any,
    changed: Any,
    source: Any,
) -> int:  # pragma: no cover - compiled
    """Find or add each row; list those found, each once, with the line that it came in. Returns their number."""
    order = 1 + width
    own = order + len(signs)
    link = own + LINK
    n = 0
    fresh = np.empty(len(weights), np.int64)
    made = 0
    for r in range(len(weights)):
        i = find(records, directory, meta, lines, r, width, hashes[r])
        if i < 0:
            i = add(records, directory, meta, lines, r, width, hashes[r])
            for j in range(len(signs)):
                records[i, order + j] = lines[r, width + j]
            records[i, own + GROUP] = ids[r]
            fresh[made] = i
            made += 1
        if records[i, own + MARK] == 0:
            changed[n] = i
            source[n] = r
            n += 1
            records[i, own + MARK] = n
        records[i, own + WEIGHT] += weights[r]
    roots = np.empty(_ABREAST, np.int64)
    for start in range(0, made, _ABREAST):
        some = fresh[start : min(start + _ABREAST, made)]
        for k in range(len(some)):
            records[some[k], link + LINKS + NODES] = 1
            records[some[k], link + LINKS + NEW] = max(records[some[k], own + WEIGHT], 0)
            roots[k] = groups[records[some[k], own + GROUP], root_at]
        approach(records, roots, some, link, 1, order, modes, signs, columns, nulls, heap, entries)
        for i in some:
            g = records[i, own + GROUP]
            groups[g, root_at] = insert(
                records, groups[g, root_at], i, link, count, 1, order, modes, signs, columns, nulls, heap, entries
            )
    differences = np.empty(n, np.int64)
    for k in range(n):
        i = changed[k]
        records[i, own + MARK] = 0
        differences[k] = max(records[i, own + WEIGHT], 0) - records[i, link + LINKS + NEW]
    add_to(records, changed[:n], link, count, NEW, differences)
    return n


@compiled(inline=True)
def _shifted(word: Any, distance: Any, mode: Any) -> Any:  # pragma: no cover - compiled
    """Return word + distance, the nearest word there is where that is none."""
    moved = np.int64(word + distance)
    if mode == UNSIGNED:
        if distance < 0 and np.uint64(moved) > np.uint64(word):
            return np.int64(0)
        if distance > 0 and np.uint64(moved) < np.uint64(word):
            return np.int64(-1)
        return moved
    if distance < 0 and moved > word:
        return np.int64(-(2**63))
    if distance > 0 and moved < word:
        return np.int64(2**63 - 1)
    return moved


@compiled("void(int64[:, ::1], int64, int64, int64, int64[::1], int64[::1], int64[::1])")
def _aim(
    records: Any, x: Any, order: Any, distance: Any, modes: Any, signs: Any, words: Any
) -> None:  # pragma: no cover - compiled
    """Write the order words that stand `distance` behind those of x; a null key stays where it is."""
    last = len(signs) - 1
    for j in range(len(signs)):
        words[j] = records[x, order + j]
    if distance != 0 and (last == 0 or words[0] == 0):
        words[last] = _shifted(words[last], signs[last] * distance, modes[last])


@compiled("int64(int64[:, ::1], int64, int64, int64, int64, int64, int64, int64[::1])")
def _rows_away(
    records: Any, root: Any, x: Any, link: Any, count: Any, distance: Any, position: Any, sums: Any
) -> Any:  # pragma: no cover - compiled
    """Return the node so many rows before (negative) or behind x, by the old and by the new weights: the farther one.

    position: that of x among the nodes; sums[NODES] becomes that of the node.
    """
    own = link + LINKS
    found = x
    sums[NODES] = position
    old = np.int64(0)
    new = np.int64(0)
    at = x
    place = position
    for _ in range(_NEAR):
        if old >= abs(distance) and new >= abs(distance):
            break
        beside = preceding(records, at, link) if distance < 0 else following(records, at, link)
        if beside < 0:
            old = new = np.int64(FAR)
            break
        at = beside
        old += records[at, own + OLD]
        new += records[at, own + NEW]
        place += -1 if distance < 0 else 1
    if old >= abs(distance) and new >= abs(distance):
        sums[NODES] = place
        return at
    best = position
    for word in (OLD, NEW):
        total = records[root - 1, own + count + word]
        if total == 0:
            continue
        row = before(records, x, link, count, word) + distance
        if distance > 0:
            row += max(records[x, own + word], 1) - 1
        at = at_sum(records, root, link, count, word, min(max(row, 0), total - 1), sums)
        if (distance < 0 and sums[NODES] < best) or (distance > 0 and sums[NODES] > best):
            best = sums[NODES]
            found = at
    sums[NODES] = best
    return found


@compiled(
    "void(int64[:, ::1], int64, int64[:, ::1], int64, int64, int64, int64[::1], int64[::1], int64, int64, boolean,"
    " int64[::1], int64[::1], uint8[::1], int64[:, ::1], int64[::1], int64[::1])"
)
def edge(
    groups: Any,
    root_at: int,
    records: Any,
    order: int,
    link: int,
    count: int,
    ids: Any,
    positions: Any,
    how: int,
    distance: int,
    last: bool,
    modes: Any,
    signs: Any,
    heap: Any,
    entries: Any,
    nodes: Any,
    at: Any,
) -> None:  # pragma: no cover - compiled
    """Write the first (or last) node of the stretch that reaches `distance` from each record, and its position.

    how: the distance is one of the order key (KEYS), or of rows (ROWS).
    """
    sums = np.empty(count, np.int64)
    words = np.empty(len(signs), np.int64)
    for k in range(len(ids)):
        x = ids[k]
        root = groups[records[x, link - LINK + GROUP], root_at]
        total = records[root - 1, link + LINKS + count + NODES]
        nodes[k] = x
        at[k] = positions[k]
        if abs(distance) == FAR:
            found = root - 1
            side = link + 1 if last else link
            while records[found, side] > 0:
                found = records[found, side] - 1
            nodes[k] = found
            at[k] = total - 1 if last else 0
        elif how == ROWS:
            if distance != 0:
                nodes[k] = _rows_away(records, root, x, link, count, distance, positions[k], sums)
                at[k] = sums[NODES]
        else:
            _aim(records, x, order, distance, modes, signs, words)
            found = first_from(records, root, link, count, words, order, last, modes, signs, heap, entries, sums)
            if last:
                if sums[NODES] - 1 > at[k]:
                    at[k] = sums[NODES] - 1
                    nodes[k] = preceding(records, found, link) if found >= 0 else -1
                    if found < 0:
                        found = root - 1
                        while records[found, link + 1] > 0:
                            found = records[found, link + 1] - 1
                        nodes[k] = found
            elif sums[NODES] < at[k]:
                at[k] = sums[NODES]
                nodes[k] = found


@compiled("void(int64[:, ::1], int64, int64, int64[::1], int64[::1])")
def positions(records: Any, link: int, count: int, ids: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Write the position of each record among the nodes of its group."""
    befores(records, ids, link, count, NODES, out)


@compiled("void(int64[:, ::1], int64, int64[::1], int64[::1], int64[::1])")
def runs(records: Any, link: int, first: Any, sizes: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Write so many nodes in a row from each of the first ones on."""
    n = 0
    for t in range(len(first)):
        x = first[t]
        for _ in range(sizes[t]):
            out[n] = x
            n += 1
            x = following(records, x, link)


@compiled(
    "int64(int64[:, ::1], int64, int64, int64, int64, int64[::1], boolean, int64, int64, boolean, int64[::1],"
    " int64[::1], int64[::1], uint8[::1], int64[:, ::1])"
)
def _onward(
    records: Any,
    root: Any,
    order: Any,
    link: Any,
    count: Any,
    words: Any,
    by_words: bool,
    word: Any,
    position: Any,
    with_equals: bool,
    cursor: Any,
    modes: Any,
    signs: Any,
    heap: Any,
    entries: Any,
) -> Any:  # pragma: no cover - compiled
    """Move a cursor on: to the first node from `words` on, or to the one that holds a position of a summed word.

    cursor: the sums over all nodes before it, then the node + 1 (0: none, behind the last; -1: it has no place yet).
    """
    own = link + LINKS
    if cursor[count] >= 0:
        for _ in range(_STRIDE):
            at = cursor[count] - 1
            if at < 0:
                return at
            if by_words:
                c = compare_order(records, at, order, words, modes, signs, heap, entries)
                if c > 0 or (c == 0 and not with_equals):
                    return at
            elif cursor[word] + records[at, own + word] > position:
                return at
            for j in range(count):
                cursor[j] += records[at, own + j]
            cursor[count] = following(records, at, link) + 1
    if by_words:
        at = first_from(
            records, root, link, count, words, order, with_equals, modes, signs, heap, entries, cursor[:count]
        )
    else:
        at = at_sum(records, root, link, count, word, position, cursor[:count])
    cursor[count] = at + 1
    return at


@compiled(
    "void(int64[:, ::1], int64, int64[:, ::1], int64, int64, int64, int64[::1], int64[::1], int64, boolean, int64,"
    " int64, int64[::1], int64[::1], uint8[::1], int64[:, ::1], int64, int64[:, ::1])"
)
def sum_frames(
    groups: Any,
    root_at: int,
    records: Any,
    order: int,
    link: int,
    count: int,
    ids: Any,
    copies: Any,
    word: int,
    in_rows: bool,
    start: int,
    end: int,
    modes: Any,
    signs: Any,
    heap: Any,
    entries: Any,
    first: int,
    out: Any,
) -> None:  # pragma: no cover - compiled
    """Write the sums of words from `first` on over the frame of each row. ids: in order within a group; copies: which
    of equal rows each is; word: OLD or NEW."""
    words = np.empty(len(signs), np.int64)
    low = np.empty(count + 1, np.int64)
    high = np.empty(count + 1, np.int64)
    own = link + LINKS
    group = np.int64(-1)
    root = np.int64(0)
    for k in range(len(ids)):
        x = ids[k]
        if records[x, link - LINK + GROUP] != group:
            group = records[x, link - LINK + GROUP]
            root = groups[group, root_at]
            low[count] = -1
            high[count] = -1
        if not in_rows and k > 0 and ids[k - 1] == x:
            out[k] = out[k - 1]
            continue
        total = records[root - 1, own + count + word]
        here = before(records, x, link, count, word) + copies[k] if in_rows else np.int64(0)
        if in_rows:
            from_position = np.int64(0) if start == -FAR else min(max(here + start, 0), total)
            to_position = total if end == FAR else min(max(here + end + 1, 0), total)
            if from_position >= to_position:
                out[k] = 0
                continue
        for side in range(2):
            cursor = low if side == 0 else high
            sign = -1 if side == 0 else 1
            if side == 0 and start == -FAR:
                out[k] = 0
                continue
            if side == 1 and end == FAR:
                for j in range(out.shape[1]):
                    out[k, j] += records[root - 1, own + count + first + j]
                continue
            position = np.int64(0)
            if in_rows:
                position = from_position if side == 0 else to_position
            else:
                _aim(records, x, order, start if side == 0 else end, modes, signs, words)
            at = _onward(
                records,
                root,
                order,
                link,
                count,
                words,
                not in_rows,
                word,
                position,
                side == 1,
                cursor,
                modes,
                signs,
                heap,
                entries,
            )
            part = position - cursor[word] if in_rows else np.int64(0)
            for j in range(out.shape[1]):
                value = cursor[first + j]
                if part > 0 and at >= 0:
                    value += records[at, own + first + j] // records[at, own + word] * part
                if side == 0:
                    out[k, j] = sign * value
                else:
                    out[k, j] += value


@compiled("void(int64[:, ::1], int64, int64, int64[::1], int64[:, ::1])")
def add_sums(records: Any, link: int, count: int, ids: Any, units: Any) -> None:  # pragma: no cover - compiled
    own = link + LINKS
    differences = np.empty(len(ids), np.int64)
    for j in range(units.shape[1]):
        for k in range(len(ids)):
            differences[k] = (records[ids[k], own + NEW] - records[ids[k], own + OLD]) * units[k, j]
        add_to(records, ids, link, count, SUMS + j, differences)


@compiled(
    "void(int64[:, ::1], int32[::1], int64[::1], int64, int64[:, ::1], int32[::1], int64[::1], int64, int64,"
    " int64[::1])"
)
def _take_out(
    groups: Any,
    group_directory: Any,
    group_meta: Any,
    root_at: int,
    records: Any,
    directory: Any,
    meta: Any,
    link: int,
    count: int,
    ids: Any,
) -> None:  # pragma: no cover - compiled
    withdraw(records, ids, link, count)
    for k in range(len(ids)):
        x = ids[k]
        g = records[x, link - LINK + GROUP]
        groups[g, root_at] = unlink(records, groups[g, root_at], x, link, count)
        remove(records, directory, meta, x)
        if groups[g, root_at] == 0:
            remove(groups, group_directory, group_meta, g)


@compiled(
    "void(int64[:, ::1], int32[::1], int64[::1], int64, int64[:, ::1], int32[::1], int64[::1], int64, int64,"
    " int64[::1])"
)
def close(
    groups: Any,
    group_directory: Any,
    group_meta: Any,
    root_at: int,
    records: Any,
    directory: Any,
    meta: Any,
    link: int,
    count: int,
    ids: Any,
) -> None:  # pragma: no cover - compiled
    """Make the new weights the old ones; rows without a weight go, and groups without rows."""
    own = link + LINKS
    differences = np.zeros(len(ids), np.int64)
    gone = np.empty(len(ids), np.int64)
    n = 0
    for k in range(len(ids)):
        x = ids[k]
        if records[x, link - LINK + WEIGHT] == 0:
            gone[n] = x
            n += 1
        else:
            differences[k] = records[x, own + NEW] - records[x, own + OLD]
    add_to(records, ids, link, count, OLD, differences)
    _take_out(groups, group_directory, group_meta, root_at, records, directory, meta, link, count, gone[:n])


@compiled(
    "int64(int64[:, ::1], int64, int64, int64, int64[:, ::1], int64, int64, int64, int64, int64, int64, int64[::1],"
    " int64[::1], uint8[::1], int64[:, ::1], int64[::1])"
)
def behind(
    groups: Any,
    root_at: int,
    first: int,
    last: int,
    records: Any,
    order: int,
    link: int,
    count: int,
    bound: int,
    rows: int,
    distance: int,
    modes: Any,
    signs: Any,
    heap: Any,
    entries: Any,
    out: Any,
) -> int:  # pragma: no cover - compiled
    """List records of groups [first, last) that stand before the last `rows` rows below a bound of the first order
    word, and before what is `distance` below it; as many as there is room for. Negative: it does not matter."""
    sums = np.empty(count, np.int64)
    words = np.empty(1, np.int64)
    n = 0
    for g in range(first, last):
        root = groups[g, root_at]
        if groups[g, 0] < 0 or root == 0:
            continue
        cut = records[root - 1, link + LINKS + count + NODES]
        if distance >= 0:
            words[0] = _shifted(np.int64(bound), -distance, modes[0])
            first_from(records, root, link, count, words, order, False, modes, signs[:1], heap, entries, sums)
            cut = min(cut, sums[NODES])
        if rows >= 0:
            words[0] = bound
            first_from(records, root, link, count, words, order, False, modes, signs[:1], heap, entries, sums)
            if sums[NEW] <= rows:
                continue
            at_sum(records, root, link, count, NEW, sums[NEW] - rows, sums)
            cut = min(cut, sums[NODES])
        if cut == 0:
            continue
        x = root - 1
        while records[x, link] > 0:
            x = records[x, link] - 1
        for _ in range(cut):
            if n == len(out):
                return n
            out[n] = x
            n += 1
            x = following(records, x, link)
    return n


@compiled(
    "void(int64[:, ::1], int32[::1], int64[::1], int64, int64[:, ::1], int32[::1], int64[::1], int64, int64,"
    " int64[::1])"
)
def drop(
    groups: Any,
    group_directory: Any,
    group_meta: Any,
    root_at: int,
    records: Any,
    directory: Any,
    meta: Any,
    link: int,
    count: int,
    ids: Any,
) -> None:  # pragma: no cover - compiled
    """Take records out; groups without rows go."""
    _take_out(groups, group_directory, group_meta, root_at, records, directory, meta, link, count, ids)
