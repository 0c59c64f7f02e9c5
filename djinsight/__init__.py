"""Real-time push analytics for Django."""

__version__ = "1.0.0"
