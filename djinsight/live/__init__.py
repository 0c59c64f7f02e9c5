"""Live push: open pages receive new counters over WebSockets."""
