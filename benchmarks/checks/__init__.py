"""Rule checks beside DuckDB, Polars and plain Python (benchmarks/README.md)."""
