"""The only speaker of DuckDB: reading sources, writing data files, views, queries, the box."""
