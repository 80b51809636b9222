"""A join and a grouping over files, deployed and run over HTTP, beside Spark in local mode on the same files."""
