"""Views counted in Redis."""
