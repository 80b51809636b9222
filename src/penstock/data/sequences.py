"""Rows in order, by group: positions, neighbours and sums over any stretch, each at the cost of a path.

While a step is taken in, the rows before and after it stand in one tree: a row that comes is there with no weight yet,
one that goes stays until the end. Positions among its nodes are the same before and after, so what a change reaches can
be told for both at once, and looked at both as it was (`OLD`) and as it will be (`NEW`).

    enter -> stretches -> what was -> add_sums -> what is -> close
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penstock.data import sequence_kernels as kernels
from penstock.data.batch import Words
from penstock.data.collecting import Coded, coded
from penstock.data.pool import Pool
from penstock.data.records import Records
from penstock.data.rows import RowLayout, Rows
from penstock.data.sequence_kernels import FAR, GROUP, KEYS, LINK, NEW, OLD, ROWS, SUMS
from penstock.data.summed_tree import LINKS, node_words

__all__ = ["NEW", "OLD", "SUMS", "Sequences", "Span", "Stretches"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch around a row: from `start` to `end`, in rows or in units of the order key; negative: before it.

    None: to the end of the group. Over several order keys distances other than 0 mean nothing.
    """

    in_rows: bool
    start: int | None
    end: int | None

    def mirrored(self) -> Span:
        """Return the stretch of the rows around which this one holds a given row."""
        return Span(self.in_rows, None if self.end is None else -self.end, None if self.start is None else -self.start)


@dataclass(frozen=True, slots=True)
class Stretches:
    """Nodes in order, in stretches that do not touch. ids (n,): records; stretch (n,): which one each is of, from 0."""

    ids: Words
    stretch: Words
    inner: npt.NDArray[np.bool_]
    """Which nodes were asked for; the others stand around them."""


class Sequences:
    """Rows of groups, in the order of their order words, then of their own. sums: words summed for the user."""

    def __init__(self, key_width: int, layout: RowLayout, modes: Words, signs: Words, sums: int, pool: Pool) -> None:
        self._layout = layout
        self._pool = pool
        self._modes = modes
        self._signs = signs
        self._count = SUMS + sums
        self.groups = Records(key_width, 1)
        self.rows = Records(layout.width, len(signs) + LINK + node_words(self._count))
        self.root_at = 1 + key_width
        self._order_at = 1 + layout.width
        self.link = self._order_at + len(signs) + LINK

    def enter(self, keys: Rows, lines: Rows, weights: Words) -> tuple[Words, Words]:
        """Take in rows with weights. keys: packed groups; lines: packed rows followed by their order words.

        Returns the changed records, each once, and for each the position of a line that is it.
        """
        groups, rows = self.groups, self.rows
        ids = groups.find_or_add(keys)
        rows.make_room(len(lines))
        changed = np.empty(len(lines), np.int64)
        source = np.empty(len(lines), np.int64)
        n = kernels.enter(
            groups.records,
            self.root_at,
            rows.records,
            rows.directory,
            rows.meta,
            lines,
            rows.width,
            rows.hashes(lines),
            ids,
            np.ascontiguousarray(weights),
            self._count,
            self._modes,
            self._signs,
            self._layout.columns,
            self._layout.null_words,
            *self._pool.arrays,
            changed,
            source,
        )
        return changed[:n], source[:n]

    def _edge(self, ids: Words, positions: Words, span: Span, last: bool) -> tuple[Words, Words]:
        """Return the first (or last) node of the stretch that reaches so far from each record, and its position.

        positions: those of the records. A stretch of rows is that of the old weights and that of the new ones together.
        """
        distance = span.end if last else span.start
        nodes = np.empty(len(ids), np.int64)
        at = np.empty(len(ids), np.int64)
        kernels.edge(
            self.groups.records,
            self.root_at,
            self.rows.records,
            self._order_at,
            self.link,
            self._count,
            ids,
            positions,
            ROWS if span.in_rows else KEYS,
            FAR if distance is None else distance,
            last,
            self._modes,
            self._signs,
            *self._pool.arrays,
            nodes,
            at,
        )
        return nodes, at

    def _farthest(self, ids: Words, positions: Words, spans: list[Span], last: bool) -> tuple[Words, Words]:
        nodes, at = ids, positions
        for span in spans:
            found, place = self._edge(np.ascontiguousarray(ids), np.ascontiguousarray(positions), span, last)
            farther = place > at if last else place < at
            nodes, at = np.where(farther, found, nodes), np.where(farther, place, at)
        return nodes, at

    def stretches(self, ids: Words, reach: list[Span], context: list[Span]) -> Stretches:
        """Return all nodes within reach of the records, together with what stands around those in turn."""
        ids = np.ascontiguousarray(ids)
        positions = np.empty(len(ids), np.int64)
        kernels.positions(self.rows.records, self.link, self._count, ids, positions)
        group = self.rows.records[ids, self.link - LINK + GROUP]
        order = np.lexsort((positions, group))
        ids, positions, group = ids[order], positions[order], group[order]
        first_nodes, first = self._farthest(ids, positions, reach, False)
        last_nodes, last = self._farthest(ids, positions, reach, True)
        order = np.lexsort((first, group))
        group, first, last = group[order], first[order], last[order]
        # One stretch after the other: groups lie far apart, so the greatest end so far is one of the same group.
        base = np.cumsum(np.append(0, group[1:] != group[:-1])) << 32
        ends = np.maximum.accumulate(base + last)
        fresh = np.flatnonzero(np.append(True, (base + first)[1:] > ends[:-1] + 1))
        farthest = np.maximum.accumulate(np.where(base + last == ends, np.arange(len(ends)), 0))
        farthest = farthest[np.append(fresh[1:] - 1, len(ends) - 1)]
        first_nodes, first = first_nodes[order[fresh]], first[fresh]
        last_nodes, last = last_nodes[order[farthest]], last[farthest]
        nodes, low = self._farthest(first_nodes, first, context, False)
        _, high = self._farthest(last_nodes, last, context, True)
        sizes = high - low + 1
        out = np.empty(int(sizes.sum()), np.int64)
        kernels.runs(self.rows.records, self.link, nodes, sizes, out)
        stretch = np.repeat(np.arange(len(sizes)), sizes)
        position = np.arange(len(out)) - np.repeat(np.cumsum(sizes) - sizes - low, sizes)
        return Stretches(out, stretch, (position >= first[stretch]) & (position <= last[stretch]))

    def weights(self, ids: Words, word: int) -> Words:
        """Return the weights of records before (OLD) or after the step (NEW), 0 for negative ones."""
        taken: Words = self.rows.records[ids, self.link + LINKS + word]
        return taken

    def order_words(self, ids: Words) -> Rows:
        """Return the order words of records, (n, .)."""
        return self.rows.payloads(ids, 0, len(self._signs))

    def frame_sums(self, ids: Words, copies: Words, word: int, span: Span, first: int, count: int) -> Rows:
        """Return sums over the frame around each row, (n, count): of the user's words from `first` on, or NODES - SUMS
        and so on for the words before those.

        ids: records, those of a group in their order; copies: which of its equal rows each is; word: OLD or NEW, whose
        weights give positions. The user's words are as before the step until `add_sums`.
        """
        out = np.empty((len(ids), count), np.int64)
        kernels.sum_frames(
            self.groups.records,
            self.root_at,
            self.rows.records,
            self._order_at,
            self.link,
            self._count,
            np.ascontiguousarray(ids),
            np.ascontiguousarray(copies),
            word,
            span.in_rows,
            -FAR if span.start is None else span.start,
            FAR if span.end is None else span.end,
            self._modes,
            self._signs,
            *self._pool.arrays,
            SUMS + first,
            out,
        )
        return out

    def add_sums(self, ids: Words, units: Rows) -> None:
        """Bring the user's words up to date. units: (n, sums), what one of each of the changed rows adds."""
        kernels.add_sums(self.rows.records, self.link, self._count, ids, np.ascontiguousarray(units))

    def close(self, ids: Words) -> None:
        """End the step: what is new is old, and what has no weight is gone."""
        groups, rows = self.groups, self.rows
        kernels.close(
            groups.records,
            groups.directory,
            groups.meta,
            self.root_at,
            rows.records,
            rows.directory,
            rows.meta,
            self.link,
            self._count,
            ids,
        )

    def forget(self, bound: int, rows: int, distance: int, first: int, last: int, most: int) -> None:
        """Take out rows of groups [first, last), by their records' numbers, that lie behind: at most so many.

        Behind are those before the last `rows` rows below a bound of the first order word and those that are more than
        `distance` below it; both, where neither is negative.
        """
        groups, rows_of = self.groups, self.rows
        found = np.empty(most, np.int64)
        n = kernels.behind(
            groups.records,
            self.root_at,
            first,
            last,
            rows_of.records,
            self._order_at,
            self.link,
            self._count,
            bound,
            rows,
            distance,
            self._modes,
            self._signs,
            *self._pool.arrays,
            found,
        )
        kernels.drop(
            groups.records,
            groups.directory,
            groups.meta,
            self.root_at,
            rows_of.records,
            rows_of.directory,
            rows_of.meta,
            self.link,
            self._count,
            found[:n],
        )

    def coded(self, key: RowLayout, order_pooled: tuple[int, ...]) -> list[Coded]:
        """Return where codes stand. key: layout of the groups; order_pooled: which of the order words are codes."""
        order = [self._order_at + i for i in order_pooled]
        return [
            *coded(self.groups, [1 + i for i in key.pooled]),
            *coded(self.rows, [*(1 + i for i in self._layout.pooled), *order]),
        ]
