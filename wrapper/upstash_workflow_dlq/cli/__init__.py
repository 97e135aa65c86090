"""The command line `upstash-dlq` (extra `cli`). Uses the public names of the package only.

A command is one file in `commands/`. What they share has one place each: `_options` (what may be typed), `_selection`
(which runs match), `_targets` (which are acted on), `_cells` (text of strangers), `_output` (formats), `_screen` (what
a terminal shows), `_asking` (confirmations), `_acting` (resume, restart and delete), `_overrides`, `_keeping` (ids that
remain), `_exits` (exit codes and messages). Those of `redrive` share `_journals` (the file) and `_redrive_view`.

click is loaded here, rich only where somebody looks at a terminal, and the client when a command needs it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code; never raises, unless `--debug` asks for tracebacks."""
    try:
        # Only looked for: rich is loaded where it is used. The extra `emulator` brings click alone.
        if not all(find_spec(name) for name in ("click", "rich")):
            print('upstash-dlq needs an extra: python -m pip install "upstash-workflow-dlq[cli]"', file=sys.stderr)
            return 4
        from ._app import run

        return run(arguments)
    except KeyboardInterrupt:  # while modules are loaded, where nothing was done
        return 130
