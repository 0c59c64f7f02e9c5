"""Beacons: read and judge what browsers send. The modules are pure and do no I/O."""
