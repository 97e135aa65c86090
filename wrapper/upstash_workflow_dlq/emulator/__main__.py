"""`python -m upstash_workflow_dlq.emulator`: the emulator as a development server."""

import signal
import sys

if __name__ == "__main__":
    # Until it serves, Ctrl-C ends the process at once, without a traceback from wherever it was.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    from ._command_line import main

    sys.exit(main())
