"""The upgrade from djinsight 0.x: converts its tables, and imports its data in Redis."""
