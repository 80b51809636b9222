-- Records are documents in their stored form; facts are entries of append-only streams.

CREATE TABLE records (
    number     INTEGER PRIMARY KEY,
    kind       TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    scope      TEXT    NOT NULL,             -- names joined by slashes
    name       TEXT,
    revision   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,             -- microseconds since 1970, as is updated_at
    updated_at INTEGER NOT NULL,
    columns    TEXT    NOT NULL,             -- the index columns as one JSON object, to read them back at once
    body       BLOB    NOT NULL,
    UNIQUE (kind, id)
) STRICT;

-- Unset names differ from each other, so any number of records may have none.
CREATE UNIQUE INDEX records_by_name ON records (kind, scope, name);
CREATE INDEX records_by_creation ON records (kind, scope, created_at, id);
CREATE INDEX records_by_update ON records (kind, scope, updated_at, id);

-- One row for each index column of each record, unset ones included. The value has no declared type, so that integers and
-- texts are kept apart and compare as they are.
CREATE TABLE record_columns (
    record INTEGER NOT NULL REFERENCES records (number) ON DELETE CASCADE,
    kind   TEXT    NOT NULL,
    scope  TEXT    NOT NULL,
    field  TEXT    NOT NULL,
    value  ANY,
    PRIMARY KEY (record, field)
) STRICT, WITHOUT ROWID;

CREATE INDEX record_columns_by_value ON record_columns (kind, scope, field, value, record);

CREATE TABLE facts (
    stream   TEXT    NOT NULL,
    position INTEGER NOT NULL,               -- 1, 2, 3, … without a gap
    at       INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    body     BLOB    NOT NULL,
    PRIMARY KEY (stream, position)
) STRICT, WITHOUT ROWID;
