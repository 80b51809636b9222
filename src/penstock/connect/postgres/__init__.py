"""PostgreSQL: a query's rows in, a table's changes in by logical replication, a view's changes out."""
