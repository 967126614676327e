"""Benchmarks: each prints what it compares side by side. `make bench` runs them all."""
