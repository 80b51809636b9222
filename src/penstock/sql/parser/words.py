"""Which words are more than names: those that the grammar keeps for itself, and the units of time."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """Return the set of the words in a text."""
    return frozenset(text.split())


RESERVED = words(
    """ALL AND ANY AS BETWEEN BY CASE CAST CREATE CROSS DISTINCT ELSE END EXCEPT FALSE FETCH FOR FOREIGN FROM FULL GROUP
    HAVING ILIKE IN INNER INTERSECT INTERVAL INTO IS JOIN LATERAL LEFT LIKE LIMIT MINUS NATURAL NOT NULL OFFSET ON OR
    ORDER OUTER PRIMARY QUALIFY REFERENCES RIGHT RLIKE ROLLUP SELECT SIMILAR SOME TABLE TABLESAMPLE THEN TRUE UNION
    UNNEST USING VALUES WHEN WHERE WINDOW WITH"""
)
"""Words that are a name only in quotes. Fewer than the standard reserves: only what would make a text ambiguous."""

NOT_ALIASES = RESERVED | words(
    """ANTI APPLY ASC ASOF COLLATE CONTAINS DESC EQUALS ESCAPE EXCLUDE FILTER IGNORE IMMEDIATELY MATCH_CONDITION
    MATCH_RECOGNIZE OVER OVERLAPS PIVOT PRECEDES RESPECT SEMI SUCCEEDS UNPIVOT WITHIN"""
)
"""Words that are not an alias without AS, because they go on with the expression or relation before them."""

CALLABLE = words("ANY LEFT OFFSET RIGHT RLIKE SOME")
"""Reserved words that are functions when a parenthesis follows."""

QUERY_STARTS = words("SELECT WITH VALUES")

_UNITS = words("YEAR QUARTER MONTH WEEK DAY HOUR MINUTE SECOND MILLISECOND MICROSECOND")
INTERVAL_UNITS = {**{u: u for u in _UNITS}, **{f"{u}S": u for u in _UNITS}}
"""Words for a field of an interval, to its singular."""

_MORE_UNITS = words("CENTURY DECADE DOW DOY EPOCH ISODOW ISOYEAR ISOWEEK MILLENNIUM NANOSECOND DAYOFWEEK DAYOFYEAR")
TIME_UNITS = {**INTERVAL_UNITS, **{f"SQL_TSI_{u}": u for u in _UNITS}, **{u: u for u in _MORE_UNITS}}
"""Words that functions over dates take as a unit."""

UNIT_FIRST = words("TIMESTAMPADD TIMESTAMPDIFF DATEADD DATEDIFF DATE_PART")
UNIT_LAST = words(
    "DATE_TRUNC TIME_TRUNC TIMESTAMP_TRUNC DATETIME_TRUNC DATE_DIFF TIME_DIFF TIMESTAMP_DIFF DATETIME_DIFF"
)
"""Functions whose first or last argument is a unit, not a column."""
