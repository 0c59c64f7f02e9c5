"""Views written to the database exactly once."""
