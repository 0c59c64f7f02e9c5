"""The doctor: finds out why a site does not count a view, or does not show it."""
