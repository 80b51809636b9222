"""TPC-H: the 22 queries kept as views of one program while rows come, change and go, beside recomputing them."""
