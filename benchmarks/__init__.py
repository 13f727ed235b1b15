"""Benchmarks: each prints ratios that were measured in one run on one machine, medians of rounds."""
