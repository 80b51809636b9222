-- Lists in 10 ms over hundreds of thousands of records: the columns of all records in the order in which they are listed, a number
-- instead of kind, scope and name of a column, and an index of the texts in which parts are looked for.

CREATE TABLE fields (
    number INTEGER PRIMARY KEY,
    kind   TEXT    NOT NULL,
    scope  TEXT    NOT NULL,
    name   TEXT    NOT NULL,
    texts  INTEGER NOT NULL DEFAULT 0,        -- 0: parts of its texts are not indexed, 1: they are being indexed, 2: they are
    UNIQUE (kind, scope, name)
) STRICT;

INSERT INTO fields (kind, scope, name) SELECT DISTINCT kind, scope, field FROM record_columns;

-- An unset column is minus infinity, which sorts before every integer and text, so that one comparison of rows finds a place.
CREATE TABLE column_values (
    record INTEGER NOT NULL REFERENCES records (number) ON DELETE CASCADE,
    field  INTEGER NOT NULL,
    value  ANY     NOT NULL,
    PRIMARY KEY (record, field)
) STRICT, WITHOUT ROWID;

INSERT INTO column_values (record, field, value)
SELECT c.record, f.number, coalesce(c.value, -9e999)
FROM record_columns AS c JOIN fields AS f ON f.kind = c.kind AND f.scope = c.scope AND f.name = c.field;

DROP TABLE record_columns;

CREATE TABLE column_order (
    field      INTEGER NOT NULL,
    value      ANY     NOT NULL,
    created_at INTEGER NOT NULL,
    id         TEXT    NOT NULL,
    record     INTEGER NOT NULL,
    PRIMARY KEY (field, value, created_at, id)
) STRICT, WITHOUT ROWID;

INSERT INTO column_order (field, value, created_at, id, record)
SELECT v.field, v.value, r.created_at, r.id, r.number
FROM column_values AS v JOIN records AS r ON r.number = v.record ORDER BY 1, 2, 3, 4;

DROP INDEX records_by_update;
CREATE INDEX records_by_update ON records (kind, scope, updated_at, created_at, id);

-- Sets of three letters of texts; the row's number is that of the record times 65536, plus that of the field.
CREATE VIRTUAL TABLE column_texts USING fts5 (
    text, tokenize = 'trigram case_sensitive 1', content = '', contentless_delete = 1, detail = 'none'
);
