"""Beacons: reading and judging what browsers send. Pure: no I/O."""
