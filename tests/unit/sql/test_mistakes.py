"""Mistakes people make in programs: each is told by its kind, its place and what is wrong, never by a traceback."""

from __future__ import annotations

import pytest

from penstock.sql.compile import CompileFailed, compile_program

TABLES = """CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, amount DECIMAL(10, 2), customer VARCHAR, placed TIMESTAMP,
  tags VARCHAR ARRAY, extra VARIANT, paid BOOLEAN);
CREATE TABLE customers (name VARCHAR NOT NULL PRIMARY KEY, since DATE);
"""
LINE = TABLES.count("\n") + 1
PARSING, COMPILATION = "Error parsing SQL", "Compilation error"
DUPLICATE, MISMATCH, REFUSED = "Duplicate declaration", "Type mismatch", "Not yet implemented"

QUERIES = [
    ("SELECT amuont FROM orders", 8, "Column 'amuont' not found in any table; did you mean 'amount'?"),
    ("SELECT orders.amuont FROM orders", 15, "Column 'amuont' not found in table 'orders'; did you mean 'amount'?"),
    ("SELECT order_.id FROM orders", 8, "Table 'order_' not found; did you mean 'orders'?"),
    ("SELECT id FROM order_s", 16, "Object 'order_s' not found; did you mean 'orders'?"),
    ('SELECT id FROM "Orders"', 16, "Object 'Orders' not found; did you mean 'orders'?"),
    ("SELECT zz FROM orders", 8, "Column 'zz' not found in any table"),
    ("SELECT id FROM orders WHERE EXISTS (SELECT plcaed FROM customers)", 44, "did you mean 'placed'?"),
    ('SELECT id FROM orders WHERE customer = "ann"', 40, "Column 'ann' not found in any table"),
    ("SELECT o.id FROM orders o JOIN customers o ON o.id = o.id", 32, "Duplicate relation name 'o' in FROM clause"),
    ("SELECT id FROM orders a JOIN orders b ON a.id = b.id", 8, "Column 'id' is ambiguous"),
    ("SELECT a.id FROM orders a JOIN customers b", 27, "INNER join requires a condition: ON or USING"),
    ("SELECT customer, SUM(amount) FROM orders", 8, "Expression 'customer' is not being grouped"),
    ("SELECT id FROM orders HAVING id > 1", 30, "Expression 'id' is not being grouped"),
    ("SELECT id FROM orders WHERE SUM(amount) > 1", 29, "Aggregate expression is illegal in this clause: 'SUM'"),
    ("SELECT SUM(COUNT(*)) FROM orders", 12, "Aggregate expressions cannot be nested"),
    ("SELECT COUNT() FROM orders", 8, "Invalid number of arguments to function 'COUNT'"),
    ("SELECT MAX(id, amount) FROM orders", 8, "Invalid number of arguments to function 'MAX'"),
    ("SELECT SUM(placed) FROM orders", 8, "Cannot apply 'SUM' to arguments of type 'SUM(<TIMESTAMP>)'"),
    ("SELECT ROW_NUMBER() FROM orders", 8, "OVER clause is necessary for window functions: 'ROW_NUMBER'"),
    ("SELECT id + placed FROM orders", 8, "Cannot apply '+' to arguments of type '<INTEGER> + <TIMESTAMP>'"),
    ("SELECT placed - 1 FROM orders", 8, "Cannot apply '-' to arguments of type '<TIMESTAMP> - <INTEGER>'"),
    ("SELECT id AND paid FROM orders", 8, "Cannot apply 'AND' to arguments of type '<INTEGER> AND <BOOLEAN>'"),
    ("SELECT id FROM orders WHERE id", 29, "WHERE clause must be a condition"),
    ("SELECT id FROM orders WHERE tags = 3", 29, "Cannot apply '=' to arguments of type '<VARCHAR ARRAY> = <INTEGER>'"),
    ("SELECT CASE WHEN id THEN 1 END FROM orders", 18, "WHEN clause must be a condition"),
    ("SELECT LISTAGG(customer) FROM orders", 8, "No match found for function signature listagg(<CHARACTER>)"),
    ("SELECT UPPER(customer, 3) FROM orders", 8, "Invalid number of arguments to function 'upper'"),
    ("SELECT TRANSFORM(tags, 3) FROM orders", 8, "Cannot apply 'TRANSFORM' to arguments of type"),
    ("SELECT UPPER(x -> x) FROM orders", 8, "Cannot apply 'UPPER' to arguments of type"),
    ("SELECT TRANSFORM(tags, t -> u) FROM orders", 29, "Column 'u' not found in any table"),
    ("SELECT CAST(id AS FLOAT) FROM orders", 19, "Do not use the FLOAT type, please use REAL or DOUBLE"),
    ("SELECT CAST(id AS INTT) FROM orders", 19, "Unknown identifier 'intt'"),
    ("SELECT CAST(tags AS INT) FROM orders", 8, "Cast function cannot convert value of type VARCHAR ARRAY to type INT"),
    ("SELECT DATE_TRUNC('month', placed) FROM orders", 28, "'placed' is not a valid time frame"),
    ("SELECT DATE_TRUNC(placed, FORTNIGHT) FROM orders", 27, "'fortnight' is not a valid time frame"),
    ("SELECT INTERVAL 'x' DAY FROM orders", 8, "Illegal interval literal format 'x' for INTERVAL DAY"),
    ("SELECT DATE '2024-13-01' FROM orders", 8, "Illegal DATE literal '2024-13-01': not in format 'yyyy-MM-dd'"),
    ("SELECT TIMESTAMP 'yesterday' FROM orders", 8, "Illegal TIMESTAMP literal 'yesterday'"),
    ("SELECT id FROM orders UNION SELECT id, amount FROM orders", 1, "Column count mismatch in UNION"),
    ("SELECT id FROM orders UNION SELECT placed FROM orders", 29, "Type mismatch in column 1 of UNION"),
    ("SELECT id FROM orders WHERE id IN (SELECT id, amount FROM orders)", 29, "Unequal number of entries in IN"),
    ("SELECT (SELECT id, amount FROM orders) FROM orders", 8, "Cannot apply '$SCALAR_QUERY' to arguments of type"),
    ("SELECT id FROM orders GROUP BY 4", 32, "Ordinal out of range"),
    ("SELECT id FROM orders LIMIT -1", 29, "LIMIT must not be negative"),
    ("WITH q (a, b) AS (SELECT 1) SELECT a FROM q", 6, "Number of columns must match number of query columns"),
    ("WITH q AS (SELECT 1), q AS (SELECT 2) SELECT * FROM q", 23, "Duplicate relation name 'q' in WITH clause"),
    ("SELECT * FROM orders AS o (a, b)", 15, "List of column aliases must have same degree as table"),
    ("SELECT * FROM TUMBLE(orders, placed)", 15, "Function 'TUMBLE' needs a table: TUMBLE(TABLE t,"),
    ("SELECT tags['a'] FROM orders", 8, "Cannot apply indexing to arguments of type '<VARCHAR ARRAY>[<CHAR(1)>]'"),
]

STATEMENTS = [
    ("CREATE VIEW v AS SELECT id, FROM orders", PARSING, 29, "Incorrect syntax near the keyword 'FROM'"),
    ("CREATE VIEW v AS SELECT id FROM orders ORDER id", PARSING, 46, 'Was expecting: "BY"'),
    ("CREATE VIEW v AS SELECT 'abc", PARSING, 25, "the quoted text that starts here is not closed"),
    ("CREATE VIEW v AS (SELECT 1", PARSING, 27, 'Was expecting: ")"'),
    ("CREATE TABLE x (id INT,)", PARSING, 24, "Was expecting: a name"),
    ("CREATE TABLE x (id INT) WITH (connectors = '[]')", PARSING, 31, "the key of a property is a string"),
    ("SELECT id FROM orders", COMPILATION, 1, "put CREATE VIEW name AS before it"),
    ("INSERT INTO orders VALUES (1)", COMPILATION, 1, "INSERT statements cannot be part of a program"),
    ("CREATE TABLE orders (id INT)", DUPLICATE, 14, "'orders' is already defined"),
    ("CREATE TABLE x (id INT, id INT)", DUPLICATE, 25, "Column with name 'id' already defined"),
    ("CREATE TABLE x (id INT PRIMARY KEY)", COMPILATION, 17, "PRIMARY KEY column 'id' has type INTEGER, which is nul"),
    ("CREATE TABLE x (id INT, PRIMARY KEY (ix))", COMPILATION, 38, "Key field 'ix' does not correspond to a column"),
    ("CREATE TABLE x (id INTT)", COMPILATION, 20, "Unknown identifier 'intt'"),
    ("CREATE TABLE x (d DECIMAL(50, 2))", COMPILATION, 19, "DECIMAL precision 50 must be between 1 and 38"),
    ("CREATE TABLE x (t TIMESTAMP DEFAULT NOW())", COMPILATION, 17, "is not deterministic: it calls NOW()"),
    ("CREATE TABLE x (t TIMESTAMP LATENESS 3)", MISMATCH, 38, "Cannot subtract LATENESS of type INTEGER"),
    ("CREATE TABLE x (a INT) WITH ('foo' = 'bar')", COMPILATION, 30, "Unknown property 'foo' of a table"),
    ("CREATE TABLE x (a DATE, FOREIGN KEY (a) REFERENCES orders(id))", MISMATCH, 38, "FOREIGN KEY column 'a' has type"),
    ("CREATE VIEW v (a) AS SELECT 1, 2", COMPILATION, 13, "View 'v' specifies 1 columns but its query has 2"),
    (
        "CREATE VIEW v AS SELECT * FROM later; CREATE VIEW later AS SELECT 1",
        COMPILATION,
        32,
        "Object 'later' not found",
    ),
    ("CREATE FUNCTION f(x INT, x INT) RETURNS INT AS x", DUPLICATE, 26, "Parameter 'x' is declared twice"),
    ("CREATE FUNCTION f(x INT) RETURNS DATE AS ARRAY[x]", MISMATCH, 1, "Function 'f' should return DATE but returns"),
    ("CREATE INDEX i ON orders(idd)", COMPILATION, 26, "Column 'idd' not found in table 'orders'"),
    ("CREATE VIEW v AS SELECT id FROM orders TABLESAMPLE BERNOULLI(5)", REFUSED, 40, "TABLESAMPLE"),
]


def told(text: str) -> tuple[str, int, int, str, str]:
    """Return kind, line, column, message and snippet of what is said first about a program."""
    with pytest.raises(CompileFailed) as caught:
        compile_program(TABLES + text + ";")
    first = caught.value.diagnostics[0]
    return first.kind, first.span.start_line, first.span.start_column, first.message, first.snippet or ""


@pytest.mark.parametrize(("query", "column", "text"), QUERIES, ids=[q for q, _, _ in QUERIES])
def test_a_wrong_query_is_told_by_place_and_reason(query: str, column: int, text: str) -> None:
    kind, line, at, message, snippet = told("CREATE VIEW v AS\n" + query)

    assert (kind, line, at) == (COMPILATION, LINE + 1, column), message
    assert text in message
    assert query in snippet and " " * (5 + column) + "^" in snippet


@pytest.mark.parametrize(("statement", "kind", "column", "text"), STATEMENTS, ids=[s for s, *_ in STATEMENTS])
def test_a_wrong_statement_is_told_by_kind_place_and_reason(statement: str, kind: str, column: int, text: str) -> None:
    found, line, at, message, _ = told(statement)

    assert (found, line, at) == (kind, LINE, column), message
    assert text in message
