"""Sockets, threads, tasks and clocks: what drives the flows of `_core`. Imports `_core` and `errors`."""
