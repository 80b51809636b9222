"""The kernels of the value pool: one heap of bytes, one entry of three words for each code.

An entry is [hash, start in the heap, size << 32 | next code in the bucket's chain + 1]; a probe touches a bucket, an
entry and the heap. The directory of buckets grows by one bucket at a time (linear hashing, Litwin, VLDB 1980).
An entry that was appended without being looked for has no place in a chain.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from penstock.data.kernels import READ_BYTES, compare_bytes, compiled, hash_bytes, same_bytes

COUNT, HEAP_END, BUCKETS, MASK, SEEN = 0, 1, 2, 3, 4
"""Places in `meta`: codes, bytes used of the heap, buckets, bits of the directory, a sum that keeps loads alive."""

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


@compiled(types.void(ENTRIES, _I32, _I64))
def _split(entries: Any, buckets: Any, meta: Any) -> None:  # pragma: no cover - compiled
    """Add one bucket and move to it what belongs there from the bucket it was split off."""
    fresh = meta[BUCKETS]
    if fresh > meta[MASK]:
        meta[MASK] = meta[MASK] * 2 + 1
    meta[BUCKETS] = fresh + 1
    old = fresh & (meta[MASK] >> 1)
    code = np.int64(buckets[old]) - 1
    stay = np.int64(0)
    move = np.int64(0)
    while code >= 0:
        tail = np.uint64(entries[code, 2])
        after = np.int64(tail & _LINK) - 1
        size = tail & ~_LINK
        if np.int64(np.uint64(entries[code, 0]) & np.uint64(meta[MASK])) == fresh:
            entries[code, 2] = np.int64(size | np.uint64(move))
            move = code + 1
        else:
            entries[code, 2] = np.int64(size | np.uint64(stay))
            stay = code + 1
        code = after
    buckets[old] = np.int32(stay)
    buckets[fresh] = np.int32(move)


@compiled(types.void(READ_BYTES, _I64, _I64, ENTRIES, _I32, _HEAP, _I64))
def intern(
    data: Any, offsets: Any, out: Any, entries: Any, buckets: Any, heap: Any, meta: Any
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
            code = meta[COUNT]
            meta[COUNT] += 1
            at = meta[HEAP_END]
            for j in range(n):
                heap[at + j] = data[a + j]
            meta[HEAP_END] = at + n
            entries[code, 0] = np.int64(h)
            entries[code, 1] = at
            entries[code, 2] = np.int64((np.uint64(n) << np.uint64(32)) | np.uint64(buckets[b]))
            buckets[b] = np.int32(code + 1)
            if meta[COUNT] > meta[BUCKETS]:
                _split(entries, buckets, meta)
        out[i] = code


@compiled(types.void(READ_BYTES, _I64, _I64, ENTRIES, _HEAP, _I64))
def append(
    data: Any, offsets: Any, out: Any, entries: Any, heap: Any, meta: Any
) -> None:  # pragma: no cover - compiled
    """Make an entry for each of the values data[offsets[i]:offsets[i + 1]]; none is looked for.

    One kernel does it all, as in `intern`: threads that share the interpreter's lock see it done or not at all.
    """
    first = offsets[0]
    end = meta[HEAP_END]
    for j in range(offsets[len(out)] - first):
        heap[end + j] = data[first + j]
    base = end - first
    for i in range(len(out)):
        code = meta[COUNT]
        meta[COUNT] += 1
        entries[code, 0] = 0
        entries[code, 1] = base + offsets[i]
        entries[code, 2] = (offsets[i + 1] - offsets[i]) << 32
        out[i] = code
    meta[HEAP_END] += offsets[len(out)] - offsets[0]


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
