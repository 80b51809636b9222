-- Every statement the metadata store runs, except the lists that `predicates` builds.
-- A statement starts at its `-- name:` line; the line after it says what it is for.

-- name: record_by_id
-- One record by its id.
SELECT kind, id, scope, name, revision, created_at, updated_at, columns, body
FROM records WHERE kind = :kind AND id = :id;

-- name: record_by_name
-- One record by its name in a scope.
SELECT kind, id, scope, name, revision, created_at, updated_at, columns, body
FROM records WHERE kind = :kind AND scope = :scope AND name = :name;

-- name: record_head
-- What a write must know of the record it changes.
SELECT number, scope, name, revision FROM records WHERE kind = :kind AND id = :id;

-- name: name_taken
-- Whether a name is in use.
SELECT 1 FROM records WHERE kind = :kind AND scope = :scope AND name = :name;

-- name: insert_record
-- Add a record in revision 1; returns its number.
INSERT INTO records (kind, id, scope, name, revision, created_at, updated_at, columns, body)
VALUES (:kind, :id, :scope, :name, 1, :at, :at, :columns, :body)
RETURNING number;

-- name: replace_record
-- Give a record its next revision.
UPDATE records
SET name = :name, revision = revision + 1, updated_at = :at, columns = :columns, body = :body
WHERE number = :number
RETURNING revision;

-- name: delete_record
-- Remove a record; its index columns go with it.
DELETE FROM records WHERE number = :number;

-- name: insert_column
-- Add one index column of a record.
INSERT INTO record_columns (record, kind, scope, field, value) VALUES (:record, :kind, :scope, :field, :value);

-- name: delete_columns
-- Remove the index columns of a record before they are written anew.
DELETE FROM record_columns WHERE record = :record;

-- name: last_position
-- How many facts a stream has.
SELECT coalesce(max(position), 0) FROM facts WHERE stream = :stream;

-- name: append_fact
-- Add a fact to a stream.
INSERT INTO facts (stream, position, at, name, body) VALUES (:stream, :position, :at, :name, :body);

-- name: drop_stream
-- Remove a stream.
DELETE FROM facts WHERE stream = :stream;

-- name: facts_oldest_first
-- Facts after a position, in order.
SELECT stream, position, at, name, body FROM facts
WHERE stream = :stream AND position > :after ORDER BY position LIMIT :limit;

-- name: facts_newest_first
-- Facts after a position, the last one first.
SELECT stream, position, at, name, body FROM facts
WHERE stream = :stream AND position > :after ORDER BY position DESC LIMIT :limit;
