"""Benchmarks of Penstock against its peers; run from a clone, never shipped in the wheel."""
