"""Files in, files out: jobs over tables that do not fit in memory (docs/jobs.md)."""
