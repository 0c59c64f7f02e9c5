"""Statistics: answer questions about views, one module for each kind of question."""
