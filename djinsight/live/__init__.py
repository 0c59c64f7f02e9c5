"""Counters pushed to open pages."""
