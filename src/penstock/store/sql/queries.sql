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
SELECT number, scope, name, revision, created_at, updated_at, columns FROM records WHERE kind = :kind AND id = :id;

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
-- Remove a record.
DELETE FROM records WHERE number = :number;

-- name: field
-- The number of an index column, and whether parts of its texts are indexed.
SELECT number, texts FROM fields WHERE kind = :kind AND scope = :scope AND name = :name;

-- name: insert_field
-- Give an index column a number.
INSERT INTO fields (kind, scope, name) VALUES (:kind, :scope, :name) RETURNING number;

-- name: mark_texts
-- Say how far the index of parts of a column's texts is.
UPDATE fields SET texts = :state WHERE number = :field;

-- name: insert_column
-- Add one index column of a record.
INSERT INTO column_values (record, field, value) VALUES (:record, :field, :value);

-- name: insert_order
-- Add one index column of a record to what is listed by it.
INSERT INTO column_order (field, value, created_at, id, record) VALUES (:field, :value, :created_at, :id, :record);

-- name: delete_column
-- Remove one index column of a record.
DELETE FROM column_values WHERE record = :record AND field = :field;

-- name: delete_order
-- Remove one index column of a record from what is listed by it.
DELETE FROM column_order WHERE field = :field AND value = :value AND created_at = :created_at AND id = :id;

-- name: column_value
-- One index column of a record.
SELECT value FROM column_values WHERE record = :record AND field = :field;

-- name: records_of_field
-- The records that have a column.
SELECT record FROM column_order WHERE field = :field;

-- name: insert_text
-- Index the parts of a text.
INSERT OR REPLACE INTO column_texts (rowid, text) VALUES (:row, :text);

-- name: delete_text
-- Take a text out of the index of parts.
DELETE FROM column_texts WHERE rowid = :row;

-- name: texts
-- Everything that records and facts hold.
SELECT columns FROM records UNION ALL SELECT body FROM records UNION ALL SELECT body FROM facts;

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
