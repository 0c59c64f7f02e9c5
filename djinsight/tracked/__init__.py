"""Tracked objects: which ones are counted, and how they are named in tokens, Redis and the tables."""
