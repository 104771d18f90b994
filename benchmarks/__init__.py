"""Benchmarks: one job, many contenders, equality before time."""
