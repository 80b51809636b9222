"""The kernels of `sessions.py`: what one row after the other does to the sessions of its group.

Arguments that they share: groups and root_at, the groups' records and where their words begin; spans and at, the
sessions' records and where their words begin; gap, the time from which on two rows are of two sessions; stamp, the
step's number; touched, old: the sessions met in the step, and their payload (from `payload` on) as it was before; for
the search trees modes, signs, heap and entries (`comparing.py`), of one order word.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.data.kernels import compiled
from penstock.data.records import add, find, hash_row, remove
from penstock.data.summed_tree import following, insert, preceding, unlink

ROOT, LATEST, MEMBERS, GROUP_WORDS = 0, 1, 2, 3
"""Words of a group: root of its tree, the session that begins last + 1 (where sessions stand in the tree), and how many
sessions it has, or rows where these do."""

GROUP, LOW, HIGH, SIZE, HEAD, TAIL, FORWARD, STAMP, TOUCH, SHOWN, LINK, SPAN_WORDS = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    13,
)
"""Words of a session: its group, first and last time; how many rows it has, the first and the last one (where rows are
kept); the session + 1 that it has become a part of; the last step that touched it and its number there; whether it is
shown; its node in the tree (where sessions stand in the tree)."""

TIME, WEIGHT, SPAN, OLD_WEIGHT, OLD_SPAN, NEXT, NODE, ROW_WORDS = 0, 1, 2, 3, 4, 5, 6, 9
"""Words of a row: time, weight, session + 1, both before the step; the next of the rows that the step has changed + 1
(-1: the last one, 0: it is not changed), its node in the tree. Only rows of a weight above 0 stand in it."""

TOUCHED, CHANGED, GONE, MADE = 0, 1, 2, 3
"""Counts of a step: sessions touched, first changed row + 1, sessions that are parts of others now, sessions made."""


@compiled("void(int64[:, ::1], int64, int64, int64, int64, int64[::1], int64[:, ::1], int64[::1])")
def _touch(
    spans: Any, at: Any, payload: Any, s: Any, stamp: Any, touched: Any, old: Any, counts: Any
) -> None:  # pragma: no cover - compiled
    """List a session and its payload before the step, unless it is listed."""
    if spans[s, at + STAMP] != stamp:
        k = counts[TOUCHED]
        for j in range(old.shape[1]):
            old[k, j] = spans[s, payload + j]
        spans[s, at + STAMP] = stamp
        spans[s, at + TOUCH] = k
        touched[k] = s
        counts[TOUCHED] = k + 1


@compiled(
    "int64(int64[:, ::1], int64, int64[:, ::1], int32[::1], int64[::1], int64, int64, int64, int64, int64[::1],"
    " int64[:, ::1], int64[::1], int64[:, ::1])"
)
def _make(
    groups: Any,
    g: Any,
    spans: Any,
    directory: Any,
    meta: Any,
    at: Any,
    payload: Any,
    time: Any,
    stamp: Any,
    touched: Any,
    old: Any,
    counts: Any,
    line: Any,
) -> Any:  # pragma: no cover - compiled
    """Make a session of a group, at one time. line (1, width of a session's key): room for it."""
    width = line.shape[1]
    for j in range(width - 1):
        line[0, j] = groups[g, 1 + j]
    # No other session ever has this number.
    line[0, width - 1] = (stamp << 24) | counts[MADE]
    counts[MADE] += 1
    s = add(spans, directory, meta, line, 0, width, hash_row(line, 0, width))
    _touch(spans, at, payload, s, stamp, touched, old, counts)
    spans[s, at + GROUP] = g
    spans[s, at + LOW] = time
    spans[s, at + HIGH] = time
    return s


@compiled("int64(int64[:, ::1], int64, int64)")
def whole(spans: Any, at: Any, s: Any) -> Any:  # pragma: no cover - compiled
    """Return the session that one is a part of now."""
    while spans[s, at + FORWARD] > 0:
        s = spans[s, at + FORWARD] - 1
    return s


@compiled(
    "void(int64[:, ::1], int32[::1], int64[::1], int64[:, ::1], int64, int64[::1], int64, int64[:, ::1], int32[::1],"
    " int64[::1], int64, int64, int64[::1], int64, int64, int64[::1], int64[::1], uint8[::1], int64[:, ::1],"
    " int64[::1], int64[::1], int64[:, ::1], int64[::1], int64[::1], int64[:, ::1])"
)
def join(
    groups: Any,
    group_directory: Any,
    group_meta: Any,
    keys: Any,
    width: int,
    hashes: Any,
    root_at: int,
    spans: Any,
    directory: Any,
    meta: Any,
    at: int,
    payload: int,
    times: Any,
    gap: int,
    stamp: int,
    modes: Any,
    signs: Any,
    heap: Any,
    entries: Any,
    ids: Any,
    touched: Any,
    old: Any,
    gone: Any,
    counts: Any,
    line: Any,
) -> None:  # pragma: no cover - compiled
    """Give each row its session: the one within reach, one made of the two that it joins, or a new one."""
    for r in range(len(times)):
        g = find(groups, group_directory, group_meta, keys, r, width, hashes[r])
        if g < 0:
            g = add(groups, group_directory, group_meta, keys, r, width, hashes[r])
        t = times[r]
        latest = groups[g, root_at + LATEST] - 1
        if latest >= 0 and spans[latest, at + LOW] <= t and t - spans[latest, at + HIGH] < gap:
            _touch(spans, at, payload, latest, stamp, touched, old, counts)
            spans[latest, at + HIGH] = max(spans[latest, at + HIGH], t)
            ids[r] = latest
            continue
        p = np.int64(-1)
        n = np.int64(-1)
        if latest >= 0 and spans[latest, at + LOW] > t:
            x = groups[g, root_at + ROOT] - 1
            while x >= 0:
                if spans[x, at + LOW] <= t:
                    p = x
                    x = spans[x, at + LINK + 1] - 1
                else:
                    n = x
                    x = spans[x, at + LINK] - 1
            if p >= 0 and t - spans[p, at + HIGH] >= gap:
                p = np.int64(-1)
            if n >= 0 and spans[n, at + LOW] - t >= gap:
                n = np.int64(-1)
        if p < 0 and n < 0:
            s = _make(groups, g, spans, directory, meta, at, payload, t, stamp, touched, old, counts, line)
            groups[g, root_at + ROOT] = insert(
                spans, groups[g, root_at + ROOT], s, at + LINK, 0, 1, at + LOW, modes, signs, 0, 0, heap, entries
            )
            groups[g, root_at + MEMBERS] += 1
            if latest < 0 or spans[latest, at + LOW] < t:
                groups[g, root_at + LATEST] = s + 1
        elif n < 0:
            s = p
            _touch(spans, at, payload, s, stamp, touched, old, counts)
            spans[s, at + HIGH] = max(spans[s, at + HIGH], t)
        elif p < 0:
            s = n
            _touch(spans, at, payload, s, stamp, touched, old, counts)
            spans[s, at + LOW] = t
        else:
            s = p
            _touch(spans, at, payload, s, stamp, touched, old, counts)
            _touch(spans, at, payload, n, stamp, touched, old, counts)
            spans[s, at + HIGH] = spans[n, at + HIGH]
            groups[g, root_at + ROOT] = unlink(spans, groups[g, root_at + ROOT], n, at + LINK, 0)
            groups[g, root_at + MEMBERS] -= 1
            if latest == n:
                groups[g, root_at + LATEST] = s + 1
            spans[n, at + FORWARD] = s + 1
            gone[counts[GONE]] = n
            counts[GONE] += 1
        ids[r] = s
    if counts[GONE] > 0:
        for r in range(len(ids)):
            ids[r] = whole(spans, at, ids[r])


@compiled("void(int64[:, ::1], int64, int64, int64, int64[::1], int64[::1])")
def unite(spans: Any, at: int, payload: int, words: int, gone: Any, into: Any) -> None:  # pragma: no cover - compiled
    """Write which sessions those that are gone are parts of, and add up their first `words` words there."""
    for k in range(len(gone)):
        s = whole(spans, at, gone[k])
        into[k] = s
        for j in range(payload, payload + words):
            spans[s, j] += spans[gone[k], j]


@compiled("void(int64[:, ::1], int64, int64[::1], int64[:, ::1])")
def add_words(spans: Any, payload: int, ids: Any, addends: Any) -> None:  # pragma: no cover - compiled
    """Add a line of words to each row's session."""
    for r in range(len(ids)):
        for j in range(addends.shape[1]):
            spans[ids[r], payload + j] += addends[r, j]


@compiled("void(int64[:, ::1], int64, int64, int64[::1])")
def _note(rows: Any, own: Any, x: Any, counts: Any) -> None:  # pragma: no cover - compiled
    """List a row as one that the step changes, with its weight and session before."""
    if rows[x, own + NEXT] == 0:
        rows[x, own + OLD_WEIGHT] = rows[x, own + WEIGHT]
        rows[x, own + OLD_SPAN] = rows[x, own + SPAN]
        rows[x, own + NEXT] = counts[CHANGED]
        counts[CHANGED] = x + 1


@compiled("void(int64[:, ::1], int64, int64, int64, int64, int64[::1])")
def _assign(rows: Any, own: Any, x: Any, count: Any, s: Any, counts: Any) -> None:  # pragma: no cover - compiled
    """Make so many rows from x on rows of another session."""
    for k in range(count):
        _note(rows, own, x, counts)
        rows[x, own + SPAN] = s + 1
        if k + 1 < count:
            x = following(rows, x, own + NODE)


@compiled(
    "void(int64[:, ::1], int64, int64[:, ::1], int32[::1], int64[::1], int64, int64, int64[:, ::1], int64, int64,"
    " int64, int64, int64[::1], int64[::1], uint8[::1], int64[:, ::1], int64[::1], int64[:, ::1], int64[::1],"
    " int64[:, ::1])"
)
def _arrive(
    groups: Any,
    root_at: Any,
    spans: Any,
    directory: Any,
    meta: Any,
    at: Any,
    payload: Any,
    rows: Any,
    own: Any,
    x: Any,
    gap: Any,
    stamp: Any,
    modes: Any,
    signs: Any,
    heap: Any,
    entries: Any,
    touched: Any,
    old: Any,
    counts: Any,
    line: Any,
) -> None:  # pragma: no cover - compiled
    """Put a row into the tree of its group, and into a session."""
    g = rows[x, 1]
    t = rows[x, own + TIME]
    node = own + NODE
    groups[g, root_at + ROOT] = insert(
        rows, groups[g, root_at + ROOT], x, node, 0, 1, own + TIME, modes, signs, 0, 0, heap, entries
    )
    p = preceding(rows, x, node)
    n = following(rows, x, node)
    a = np.int64(-1)
    b = np.int64(-1)
    if p >= 0 and t - rows[p, own + TIME] < gap:
        a = rows[p, own + SPAN] - 1
        _touch(spans, at, payload, a, stamp, touched, old, counts)
    if n >= 0 and rows[n, own + TIME] - t < gap:
        b = rows[n, own + SPAN] - 1
        _touch(spans, at, payload, b, stamp, touched, old, counts)
    if a < 0 and b < 0:
        s = _make(groups, g, spans, directory, meta, at, payload, t, stamp, touched, old, counts, line)
        spans[s, at + HEAD] = x
        spans[s, at + TAIL] = x
    elif b < 0:
        s = a
        spans[s, at + TAIL] = x
    elif a < 0:
        s = b
        spans[s, at + HEAD] = x
    elif a == b:
        s = a
    else:
        # The rows of the smaller session are what moves.
        s, other = (a, b) if spans[a, at + SIZE] >= spans[b, at + SIZE] else (b, a)
        _assign(rows, own, spans[other, at + HEAD], spans[other, at + SIZE], s, counts)
        spans[s, at + SIZE] += spans[other, at + SIZE]
        spans[s, at + HEAD] = spans[a, at + HEAD]
        spans[s, at + TAIL] = spans[b, at + TAIL]
        spans[other, at + SIZE] = 0
    rows[x, own + SPAN] = s + 1
    spans[s, at + SIZE] += 1


@compiled(
    "void(int64[:, ::1], int64, int64[:, ::1], int32[::1], int64[::1], int64, int64, int64[:, ::1], int64, int64,"
    " int64, int64, int64[::1], int64[:, ::1], int64[::1], int64[:, ::1])"
)
def _depart(
    groups: Any,
    root_at: Any,
    spans: Any,
    directory: Any,
    meta: Any,
    at: Any,
    payload: Any,
    rows: Any,
    own: Any,
    x: Any,
    gap: Any,
    stamp: Any,
    touched: Any,
    old: Any,
    counts: Any,
    line: Any,
) -> None:  # pragma: no cover - compiled
    """Take a row out of its session, which may fall into two, and out of the tree."""
    g = rows[x, 1]
    node = own + NODE
    s = rows[x, own + SPAN] - 1
    _touch(spans, at, payload, s, stamp, touched, old, counts)
    spans[s, at + SIZE] -= 1
    if spans[s, at + SIZE] > 0:
        if spans[s, at + HEAD] == x:
            spans[s, at + HEAD] = following(rows, x, node)
        elif spans[s, at + TAIL] == x:
            spans[s, at + TAIL] = preceding(rows, x, node)
        else:
            p = preceding(rows, x, node)
            n = following(rows, x, node)
            if rows[n, own + TIME] - rows[p, own + TIME] >= gap:
                # Both sides are gone along at the same pace: the shorter one becomes a session of its own.
                a = p
                b = n
                count = np.int64(1)
                while a != spans[s, at + HEAD] and b != spans[s, at + TAIL]:
                    a = preceding(rows, a, node)
                    b = following(rows, b, node)
                    count += 1
                new = _make(groups, g, spans, directory, meta, at, payload, 0, stamp, touched, old, counts, line)
                if a == spans[s, at + HEAD]:
                    spans[new, at + HEAD] = a
                    spans[new, at + TAIL] = p
                    spans[s, at + HEAD] = n
                else:
                    spans[new, at + HEAD] = n
                    spans[new, at + TAIL] = b
                    spans[s, at + TAIL] = p
                spans[new, at + SIZE] = count
                spans[s, at + SIZE] -= count
                _assign(rows, own, spans[new, at + HEAD], count, new, counts)
    rows[x, own + SPAN] = 0
    groups[g, root_at + ROOT] = unlink(rows, groups[g, root_at + ROOT], x, node, 0)


@compiled(
    "void(int64[:, ::1], int64, int64[:, ::1], int32[::1], int64[::1], int64, int64, int64[:, ::1], int32[::1],"
    " int64[::1], int64, int64[:, ::1], int64[::1], int64[::1], int64[::1], int64, int64, int64[::1], int64[::1],"
    " uint8[::1], int64[:, ::1], int64[::1], int64[:, ::1], int64[::1], int64[:, ::1])"
)
def enter(
    groups: Any,
    root_at: int,
    spans: Any,
    directory: Any,
    meta: Any,
    at: int,
    payload: int,
    rows: Any,
    row_directory: Any,
    row_meta: Any,
    width: int,
    lines: Any,
    hashes: Any,
    times: Any,
    weights: Any,
    gap: int,
    stamp: int,
    modes: Any,
    signs: Any,
    heap: Any,
    entries: Any,
    touched: Any,
    old: Any,
    counts: Any,
    line: Any,
) -> None:  # pragma: no cover - compiled
    """Add weights to rows (the group's record first in each line); then come those that are there now, and go those
    that are not: a session in which a row takes the place of another one does not fall apart in between."""
    own = 1 + width
    changed = np.empty(len(weights), np.int64)
    n = 0
    for r in range(len(weights)):
        x = find(rows, row_directory, row_meta, lines, r, width, hashes[r])
        if x < 0:
            x = add(rows, row_directory, row_meta, lines, r, width, hashes[r])
            rows[x, own + TIME] = times[r]
            groups[lines[r, 0], root_at + MEMBERS] += 1
        if rows[x, own + NEXT] == 0:
            changed[n] = x
            n += 1
            _note(rows, own, x, counts)
        rows[x, own + WEIGHT] += weights[r]
    for k in range(n):
        x = changed[k]
        before = rows[x, own + OLD_WEIGHT]
        after = rows[x, own + WEIGHT]
        if before <= 0 and after > 0:
            _arrive(
                groups,
                root_at,
                spans,
                directory,
                meta,
                at,
                payload,
                rows,
                own,
                x,
                gap,
                stamp,
                modes,
                signs,
                heap,
                entries,
                touched,
                old,
                counts,
                line,
            )
        elif before > 0 and after > 0 and before != after:
            _touch(spans, at, payload, rows[x, own + SPAN] - 1, stamp, touched, old, counts)
    for k in range(n):
        x = changed[k]
        if rows[x, own + OLD_WEIGHT] > 0 and rows[x, own + WEIGHT] <= 0:
            _depart(
                groups,
                root_at,
                spans,
                directory,
                meta,
                at,
                payload,
                rows,
                own,
                x,
                gap,
                stamp,
                touched,
                old,
                counts,
                line,
            )
    for k in range(counts[TOUCHED]):
        s = touched[k]
        if spans[s, at + SIZE] > 0:
            spans[s, at + LOW] = rows[spans[s, at + HEAD], own + TIME]
            spans[s, at + HIGH] = rows[spans[s, at + TAIL], own + TIME]


@compiled("int64(int64[:, ::1], int64, int64[::1])")
def listed(rows: Any, own: int, counts: Any) -> int:  # pragma: no cover - compiled
    """Return how many rows are listed as changed."""
    n = 0
    x = counts[CHANGED]
    while x > 0:
        n += 1
        x = rows[x - 1, own + NEXT]
    return n


@compiled("int64(int64[:, ::1], int64, int64, int64[:, ::1], int64, int64[::1], int64[:, ::1], int64[::1])")
def widen(
    spans: Any, at: int, payload: int, rows: Any, own: int, touched: Any, old: Any, counts: Any
) -> int:  # pragma: no cover - compiled
    """List as changed all rows of sessions whose bounds are others than before; returns how many are listed in all."""
    first = at - payload
    for k in range(counts[TOUCHED]):
        s = touched[k]
        same = old[k, first + LOW] == spans[s, at + LOW] and old[k, first + HIGH] == spans[s, at + HIGH]
        if spans[s, at + SIZE] == 0 or (same and old[k, first + SIZE] > 0):
            continue
        x = spans[s, at + HEAD]
        for j in range(spans[s, at + SIZE]):
            _note(rows, own, x, counts)
            if j + 1 < spans[s, at + SIZE]:
                x = following(rows, x, own + NODE)
    return listed(rows, own, counts)


@compiled(
    "int64(int64[:, ::1], int64, int64, int64, int64[:, ::1], int64, int64[:, ::1], int64[::1], boolean, int64[::1],"
    " int64[::1], int64[::1], int64[::1], int64[::1])"
)
def changes(
    spans: Any,
    at: int,
    payload: int,
    stamp: int,
    rows: Any,
    own: int,
    old: Any,
    counts: Any,
    by_bounds: bool,
    ids: Any,
    weights: Any,
    sessions: Any,
    low: Any,
    high: Any,
) -> int:  # pragma: no cover - compiled
    """Write what the step takes out of sessions and puts into them; returns how many lines that is.

    by_bounds: a session is its first and its last time; otherwise its record.
    """
    first = at - payload
    n = 0
    link = counts[CHANGED]
    while link > 0:
        x = link - 1
        link = rows[x, own + NEXT]
        a = rows[x, own + OLD_SPAN] - 1
        b = rows[x, own + SPAN] - 1
        out = rows[x, own + OLD_WEIGHT] if a >= 0 else 0
        into = rows[x, own + WEIGHT] if b >= 0 else 0
        from_low = np.int64(0)
        from_high = np.int64(0)
        if a >= 0:
            from_low = spans[a, at + LOW]
            from_high = spans[a, at + HIGH]
            if spans[a, at + STAMP] == stamp:
                from_low = old[spans[a, at + TOUCH], first + LOW]
                from_high = old[spans[a, at + TOUCH], first + HIGH]
        if a >= 0 and b >= 0:
            same = a == b
            if by_bounds:
                same = from_low == spans[b, at + LOW] and from_high == spans[b, at + HIGH]
            if same:
                into -= out
                out = 0
        if out != 0:
            ids[n], weights[n], sessions[n], low[n], high[n] = x, -out, a, from_low, from_high
            n += 1
        if into != 0:
            ids[n], weights[n], sessions[n] = x, into, b
            low[n], high[n] = spans[b, at + LOW], spans[b, at + HIGH]
            n += 1
    return n


@compiled(
    "void(int64[:, ::1], int32[::1], int64[::1], int64, int64[:, ::1], int32[::1], int64[::1], int64, int64[::1])"
)
def close(
    groups: Any,
    group_directory: Any,
    group_meta: Any,
    root_at: int,
    rows: Any,
    directory: Any,
    meta: Any,
    own: int,
    counts: Any,
) -> None:  # pragma: no cover - compiled
    """Unlist the changed rows; those without a weight go, and groups without rows."""
    link = counts[CHANGED]
    while link > 0:
        x = link - 1
        link = rows[x, own + NEXT]
        rows[x, own + NEXT] = 0
        if rows[x, own + WEIGHT] == 0:
            g = rows[x, 1]
            remove(rows, directory, meta, x)
            groups[g, root_at + MEMBERS] -= 1
            if groups[g, root_at + MEMBERS] == 0:
                remove(groups, group_directory, group_meta, g)


@compiled(
    "void(int64[:, ::1], int32[::1], int64[::1], int64, int64[:, ::1], int64, int64[:, ::1], int32[::1], int64[::1],"
    " int64, int64[::1])"
)
def clear(
    groups: Any,
    group_directory: Any,
    group_meta: Any,
    root_at: int,
    spans: Any,
    at: int,
    rows: Any,
    directory: Any,
    meta: Any,
    own: int,
    ids: Any,
) -> None:  # pragma: no cover - compiled
    """Take sessions, or their rows where these stand in the tree, out of their groups; groups without any go."""
    for k in range(len(ids)):
        s = ids[k]
        g = spans[s, at + GROUP]
        if own == 0:
            if groups[g, root_at + LATEST] == s + 1:
                groups[g, root_at + LATEST] = preceding(spans, s, at + LINK) + 1
            groups[g, root_at + ROOT] = unlink(spans, groups[g, root_at + ROOT], s, at + LINK, 0)
            groups[g, root_at + MEMBERS] -= 1
        else:
            x = spans[s, at + HEAD]
            for _ in range(spans[s, at + SIZE]):
                after = following(rows, x, own + NODE)
                groups[g, root_at + ROOT] = unlink(rows, groups[g, root_at + ROOT], x, own + NODE, 0)
                remove(rows, directory, meta, x)
                groups[g, root_at + MEMBERS] -= 1
                x = after
        if groups[g, root_at + MEMBERS] == 0:
            remove(groups, group_directory, group_meta, g)
