"""Jobs over files: Parquet in, Parquet out, more than memory holds, resumed wherever they were stopped. The contract is docs/jobs.md."""
