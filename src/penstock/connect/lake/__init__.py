"""Tables in lakes: Delta Lake in and out, Apache Iceberg in.

The libraries are an extra, `penstock[lake]`: they are loaded when a connector is opened.

- `query`         which columns and rows of a file are taken, in which order
- `delta_log`     the commits of a Delta table, and the rows of its files
- `delta_source`, `delta_sink`, `iceberg`
- `storage`       settings of object stores, which the libraries take as they are
"""
