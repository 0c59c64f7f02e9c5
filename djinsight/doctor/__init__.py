"""Finding out why a site does not count, or does not show, a view."""
