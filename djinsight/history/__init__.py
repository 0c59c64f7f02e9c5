"""History: write the views to the database exactly once, and keep, correct and delete what is written."""
