"""The kernels of the value pool: one heap of bytes, one entry of three words for each code.

An entry is [hash, start in the heap, size << 32 | next code in the bucket's chain + 1]; a probe touches a bucket, an
entry and the heap. The directory of buckets grows by one bucket at a time (linear hashing, Litwin, VLDB 1980).
An entry that was appended without being looked for has no place in a chain. A free entry is [next free code + 1, 0, 0].

The heap is made of segments of equal size. A value that is no longer than a segment never crosses a border, a longer
one has segments of its own. Values are put one after the other into the segment that is open. Values move only when
the segment that they are in is emptied (`collecting.py`), so whoever reads the heap reads the entry first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from penstock.data.kernels import READ_BYTES, compare_bytes, compiled, hash_bytes, same_bytes

COUNT, BUCKETS, MASK, SEEN, FREE, LIVE = 0, 1, 2, 3, 4, 5
"""Places in `meta`: codes ever made, buckets, bits of the directory, a sum that keeps loads alive, first free code + 1,
codes in use."""
AT, LIMIT, TOP, OPEN, VACANT, HINT, KEEP, MADE, MADE_BYTES = 6, 7, 8, 9, 10, 11, 12, 13, 14
"""Further places: where the open segment is filled to, its end, end of the segments ever used, the open segment,
segments that can be used again, where to look for one, the mark that new codes get besides, codes and bytes made."""
META = 15

USED, KEPT, FREED = 1, 2, 4
"""Bits of a code's mark: met since the last sweep; never to be freed; free."""

SEGMENT_BITS = 20
SEGMENT = 1 << SEGMENT_BITS
IN_USE, RECENT, LEAVING = 1, 2, 4
"""Bits of a segment's state: holds values; was opened since the last sweep began; is being emptied."""

_LINK = np.uint64(0xFFFFFFFF)
ENTRIES = types.int64[:, ::1]
_I64, _I32, _HEAP = types.int64[::1], types.int32[::1], types.uint8[::1]
_CODES = types.Array(types.int64, 1, "A", readonly=True)


@compiled(inline=True)
def size_of(entries: Any, code: Any) -> Any:  # pragma: no cover - compiled
    """Return the size in bytes of a code's value."""
    return np.int64(np.uint64(entries[code, 2]) >> np.uint64(32))


@compiled("int64(int64, int64, uint8[::1], int64[:, ::1])")
def compare_codes(a: Any, b: Any, heap: Any, entries: Any) -> Any:  # pragma: no cover - compiled
    """Compare two values by their codes as memcmp does."""
    if a == b:
        return 0
    return compare_bytes(heap, entries[a, 1], size_of(entries, a), heap, entries[b, 1], size_of(entries, b))


@compiled(inline=True)
def _bucket(h: Any, meta: Any) -> Any:  # pragma: no cover - compiled
    b = np.int64(h & np.uint64(meta[MASK]))
    if b >= meta[BUCKETS]:
        b = np.int64(h & np.uint64(meta[MASK] >> 1))
    return b


@compiled(types.int64(types.int64, types.int64[:, ::1], _I64))
def _vacant_run(wanted: int, segments: Any, meta: Any) -> Any:  # pragma: no cover - compiled
    """Return the first of `wanted` segments in a row that can be used again, or the first never used."""
    top = meta[TOP] >> SEGMENT_BITS
    if meta[VACANT] >= wanted:
        run = 0
        for k in range(top + wanted):
            s = (meta[HINT] + k) % top
            if s == 0:
                run = 0
            run = run + 1 if segments[s, 0] == 0 else 0
            if run == wanted:
                meta[VACANT] -= wanted
                meta[HINT] = (s + 1) % top
                return s - wanted + 1
    if top + wanted > len(segments):
        raise MemoryError("the values of one circuit have reached the limit of their heap")
    meta[TOP] = (top + wanted) << SEGMENT_BITS
    return top


@compiled(types.int64(types.int64, types.int64[:, ::1], _I64))
def _open(size: int, segments: Any, meta: Any) -> Any:  # pragma: no cover - compiled
    """Return a place for a value that the open segment has no room for."""
    wanted = max((size + SEGMENT - 1) >> SEGMENT_BITS, 1)
    first = _vacant_run(wanted, segments, meta)
    for s in range(first, first + wanted):
        segments[s, 0] = IN_USE | RECENT
        segments[s, 1] = 0
    start = first << SEGMENT_BITS
    if size <= SEGMENT:
        meta[OPEN] = first
        meta[AT] = start + size
        meta[LIMIT] = start + SEGMENT
    return start


@compiled(inline=True)
def place(size: Any, segments: Any, meta: Any) -> Any:  # pragma: no cover - compiled
    """Return where a new value of that size goes."""
    at = meta[AT]
    if at + size <= meta[LIMIT]:
        meta[AT] = at + size
    else:
        at = _open(size, segments, meta)
    meta[MADE_BYTES] += size
    return at


@compiled(inline=True)
def _fresh_code(entries: Any, marks: Any, meta: Any) -> Any:  # pragma: no cover - compiled
    code = meta[FREE] - 1
    if code >= 0:
        meta[FREE] = entries[code, 0]
    else:
        code = meta[COUNT]
        if code >= len(marks):
            raise MemoryError("the values of one circuit have reached their greatest number")
        meta[COUNT] = code + 1
    meta[LIVE] += 1
    meta[MADE] += 1
    marks[code] = USED | meta[KEEP]
    return code


@compiled(inline=True)
def _link(entries: Any, code: Any, following: Any) -> None:  # pragma: no cover - compiled
    """Have a code's link name another, +1, or none; a page that need not be written stays clean."""
    tail = np.uint64(entries[code, 2])
    if tail & _LINK != np.uint64(following):
        entries[code, 2] = np.int64((tail & ~_LINK) | np.uint64(following))


@compiled(types.void(ENTRIES, _I32, _I64))
def _split(entries: Any, buckets: Any, meta: Any) -> None:  # pragma: no cover - compiled
    """Add one bucket and move to it what belongs there; both chains keep their order."""
    fresh = meta[BUCKETS]
    if fresh > meta[MASK]:
        meta[MASK] = meta[MASK] * 2 + 1
    meta[BUCKETS] = fresh + 1
    old = fresh & (meta[MASK] >> 1)
    code = np.int64(buckets[old]) - 1
    stay = np.int64(-1)
    move = np.int64(-1)
    buckets[old] = np.int32(0)
    buckets[fresh] = np.int32(0)
    while code >= 0:
        after = np.int64(np.uint64(entries[code, 2]) & _LINK) - 1
        if np.int64(np.uint64(entries[code, 0]) & np.uint64(meta[MASK])) == fresh:
            if move < 0:
                buckets[fresh] = np.int32(code + 1)
            else:
                _link(entries, move, code + 1)
            move = code
        else:
            if stay < 0:
                buckets[old] = np.int32(code + 1)
            else:
                _link(entries, stay, code + 1)
            stay = code
        code = after
    if stay >= 0:
        _link(entries, stay, 0)
    if move >= 0:
        _link(entries, move, 0)


@compiled(types.void(types.int64, ENTRIES, _I32, _I64))
def unlink(code: int, entries: Any, buckets: Any, meta: Any) -> None:  # pragma: no cover - compiled
    """Take a code out of its bucket's chain, if it is in one."""
    b = _bucket(np.uint64(entries[code, 0]), meta)
    after = np.int64(np.uint64(entries[code, 2]) & _LINK)
    k = np.int64(buckets[b]) - 1
    if k == code:
        buckets[b] = np.int32(after)
        return
    while k >= 0:
        tail = np.uint64(entries[k, 2])
        following = np.int64(tail & _LINK) - 1
        if following == code:
            entries[k, 2] = np.int64((tail & ~_LINK) | np.uint64(after))
            return
        k = following


@compiled(types.void(READ_BYTES, _I64, _I64, ENTRIES, _I32, _HEAP, _HEAP, types.int64[:, ::1], _I64))
def intern(
    data: Any,
    offsets: Any,
    out: Any,
    entries: Any,
    buckets: Any,
    heap: Any,
    marks: Any,
    segments: Any,
    meta: Any,
) -> None:  # pragma: no cover - compiled
    """Find or add data[offsets[i]:offsets[i + 1]] for each i; codes into out."""
    count = len(out)
    wanted = np.empty(count, np.uint64)
    for i in range(count):
        wanted[i] = hash_bytes(data, offsets[i], offsets[i + 1])
    # Independent loads first: their cache misses overlap, the dependent probes below then hit.
    for i in range(count):
        out[i] = np.int64(buckets[_bucket(wanted[i], meta)]) - 1
    seen = np.int64(0)
    for i in range(count):
        if out[i] >= 0:
            seen += entries[out[i], 1]
    meta[SEEN] = seen
    used = np.uint8(USED | meta[KEEP])
    for i in range(count):
        a = offsets[i]
        n = offsets[i + 1] - a
        h = wanted[i]
        b = _bucket(h, meta)
        code = np.int64(buckets[b]) - 1
        while code >= 0:
            tail = np.uint64(entries[code, 2])
            if (
                np.uint64(entries[code, 0]) == h
                and np.int64(tail >> np.uint64(32)) == n
                and same_bytes(data, a, heap, entries[code, 1], n) == 1
            ):
                break
            code = np.int64(tail & _LINK) - 1
        if code < 0:
            code = _fresh_code(entries, marks, meta)
            at = place(n, segments, meta)
            for j in range(n):
                heap[at + j] = data[a + j]
            entries[code, 0] = np.int64(h)
            entries[code, 1] = at
            entries[code, 2] = np.int64((np.uint64(n) << np.uint64(32)) | np.uint64(buckets[b]))
            buckets[b] = np.int32(code + 1)
            if meta[LIVE] > meta[BUCKETS] and meta[BUCKETS] < len(buckets):
                _split(entries, buckets, meta)
        else:
            marks[code] |= used
        out[i] = code


@compiled(types.void(READ_BYTES, _I64, _I64, ENTRIES, _HEAP, _HEAP, types.int64[:, ::1], _I64))
def append(
    data: Any, offsets: Any, out: Any, entries: Any, heap: Any, marks: Any, segments: Any, meta: Any
) -> None:  # pragma: no cover - compiled
    """Make an entry for each of the values data[offsets[i]:offsets[i + 1]]; none is looked for.

    One kernel does it all, as in `intern`: threads that share the interpreter's lock see it done or not at all.
    """
    count = len(out)
    i = 0
    while i < count:
        first = offsets[i]
        room = meta[LIMIT] - meta[AT]
        j = i
        while j < count and offsets[j + 1] - first <= room:
            j += 1
        if j == i:
            at = place(offsets[i + 1] - first, segments, meta)
            j = i + 1
        else:
            at = place(offsets[j] - first, segments, meta)
        for k in range(offsets[j] - first):
            heap[at + k] = data[first + k]
        for k in range(i, j):
            code = _fresh_code(entries, marks, meta)
            entries[code, 0] = 0
            entries[code, 1] = at + offsets[k] - first
            entries[code, 2] = (offsets[k + 1] - offsets[k]) << 32
            out[k] = code
        i = j


@compiled(types.int64(_I64, ENTRIES, _I64))
def measure(codes: Any, entries: Any, offsets: Any) -> int:  # pragma: no cover - compiled
    """Write where each code's value would stand if they stood end to end; returns the end."""
    total = 0
    for i in range(len(codes)):
        offsets[i] = total
        total += size_of(entries, codes[i])
    offsets[len(codes)] = total
    return total


@compiled(types.void(_I64, ENTRIES, _HEAP, _I64, _HEAP))
def gather(codes: Any, entries: Any, heap: Any, offsets: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Copy the codes' values to where `measure` said."""
    for i in range(len(codes)):
        a = entries[codes[i], 1]
        o = offsets[i]
        for j in range(size_of(entries, codes[i])):
            out[o + j] = heap[a + j]


@compiled(types.void(_I64, _I64, ENTRIES, _HEAP))
def sort(codes: Any, scratch: Any, entries: Any, heap: Any) -> None:  # pragma: no cover - compiled
    """Sort codes in place by their values (bottom-up merge sort)."""
    n = len(codes)
    width = 1
    source = codes
    target = scratch
    swapped = False
    while width < n:
        for low in range(0, n, 2 * width):
            middle = min(low + width, n)
            high = min(low + 2 * width, n)
            i = low
            j = middle
            for k in range(low, high):
                if i < middle and (j >= high or compare_codes(source[i], source[j], heap, entries) <= 0):
                    target[k] = source[i]
                    i += 1
                else:
                    target[k] = source[j]
                    j += 1
        source, target = target, source
        swapped = not swapped
        width *= 2
    if swapped:
        for i in range(n):
            codes[i] = source[i]


@compiled(types.void(_CODES, _CODES, ENTRIES, _HEAP, types.int8[::1]))
def compare(left: Any, right: Any, entries: Any, heap: Any, out: Any) -> None:  # pragma: no cover - compiled
    """Compare pairs of codes by their values."""
    for i in range(len(out)):
        out[i] = compare_codes(left[i], right[i], heap, entries)
