"""How do Spark, Trino, Snowflake, polars and DuckDB read the store's files: as Iceberg tables over them, or as a tree of copies."""
