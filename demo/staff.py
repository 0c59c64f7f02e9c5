"""Staff: the user of the demo's admin. Name and password are printed at the start, as the demo is for one machine."""

USERNAME = "editor"
PASSWORD = "live-numbers"
