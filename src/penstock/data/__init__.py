"""Rows as words: types, columns, Z-set batches, the value pool and indexed state. No SQL and no circuit here."""
