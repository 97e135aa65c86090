"""What to send, and what an answer means: no I/O, no clock, no threads. Imports nothing of the package but `errors`."""
