"""Rows through the HTTP port: in, as JSON, CSV and Parquet; one at a time; and out, to many who follow."""
