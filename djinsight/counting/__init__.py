"""Counting: views are counted in Redis, and their counters are read and loaded there."""
