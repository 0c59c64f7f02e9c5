"""Pages: render what the template tags show."""
