"""What comes in, pure: no I/O."""
