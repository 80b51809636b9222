"""Aggregates of floats do not depend on the order in which rows come and go, NaN, infinities and -0.0 among them.

DuckDB adds in the order of its rows, so these are held to the law alone.
"""

from __future__ import annotations

import random
import struct

import pytest

from penstock.sql.compile import compile_program
from tests.properties.law import Feed, Row, check_history

PROGRAM = """
CREATE TABLE t (g INT, x DOUBLE, r REAL, n INT);
CREATE VIEW sums AS SELECT g, SUM(x) AS s, AVG(x) AS a, COUNT(x) AS c, SUM(r) AS sr, AVG(r) AS ar FROM t GROUP BY g;
CREATE VIEW spreads AS SELECT g, STDDEV_POP(x) AS s, VAR_SAMP(x) AS v, STDDEV(r) AS q FROM t GROUP BY g;
CREATE VIEW pairs AS SELECT g, COVAR_POP(x, r) AS p, COVAR_SAMP(x, n) AS s, REGR_SXX(n, x) AS q FROM t GROUP BY g;
CREATE VIEW whole AS SELECT SUM(x) AS s, SUM(DISTINCT x) AS d, AVG(DISTINCT r) AS a FROM t;
CREATE VIEW running AS SELECT g, n, SUM(x) OVER (PARTITION BY g ORDER BY n) AS s FROM t;
CREATE VIEW rolling AS SELECT g, n,
  AVG(r) OVER (PARTITION BY g ORDER BY n RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS a FROM t;
CREATE VIEW folds AS SELECT g, ARRAY_AGG(x) AS l, MODE(x) AS m, MODE(n) AS o, ARG_MAX(n, x) AS a, ARG_MIN(x, n) AS b
  FROM t GROUP BY g;
CREATE VIEW extremes AS SELECT g, MIN(x) AS s, MAX(r) AS m FROM t GROUP BY g;
CREATE VIEW groups_of AS SELECT x, r, COUNT(*) AS c FROM t GROUP BY x, r;
CREATE VIEW joined AS SELECT a.x, b.r FROM t AS a JOIN t AS b ON a.x = b.r;
CREATE VIEW ranked AS SELECT g, x, RANK() OVER (PARTITION BY g ORDER BY x NULLS LAST) AS k FROM t;
CREATE VIEW firsts AS SELECT g, FIRST_VALUE(x) OVER (PARTITION BY g ORDER BY x DESC, n) AS f FROM t;
"""
NOT_NUMBERS = (-0.0, 0.0, float("nan"), float("inf"), -float("inf"), None)
DOUBLES = (
    (0.1, 0.2, 3.3, 1e6, -1e6, 1e-7, 1.0, *NOT_NUMBERS),
    (0.5, 1e308, -1e308, 1.7e308, *NOT_NUMBERS),
)
"""Two ranges of values: a sum keeps twice the digits of a DOUBLE, so of one range it is exact."""
REALS = (0.1, 0.5, -0.0, 0.0, 1.0, float("nan"), float("inf"), 3e38, None)


def single(value: float | None) -> float | None:
    return None if value is None else struct.unpack("f", struct.pack("f", value))[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", range(8))
def test_aggregates_of_floats_do_not_depend_on_the_order(seed: int) -> None:
    def row(name: str = "t") -> Row:
        return (
            rng.choice((1, 2, None)),
            rng.choice(DOUBLES[seed % 2]),
            single(rng.choice(REALS)),
            rng.choice((1, 2, 3, None)),
        )

    rng = random.Random(seed)
    rows = [row() for _ in range(rng.randrange(14))]

    check_history(compile_program(PROGRAM), {"t": rows}, {"t": Feed()}, row, seed)
