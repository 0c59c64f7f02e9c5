"""Who may see the admin of the demo. Printed at the start: the demo is for this machine."""

USERNAME = "editor"
PASSWORD = "live-numbers"
