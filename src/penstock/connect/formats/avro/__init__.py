"""Avro: records with a schema, given with the connector or kept in a schema registry."""

from penstock.connect.formats.avro.format import AvroFormat

__all__ = ["AvroFormat"]
