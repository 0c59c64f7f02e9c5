"""Benchmarks: measure the cost of djinsight as ratios, with ``python -m benchmarks``."""
