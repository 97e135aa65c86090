"""The commands: one module each, which has a `command`."""
