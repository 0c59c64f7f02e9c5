"""What djinsight costs, each figure as a ratio of two things measured in turn: ``python -m benchmarks``."""
