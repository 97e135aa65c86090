"""`python -m upstash_workflow_dlq`: the command line."""

import sys

if __name__ == "__main__":
    try:
        from .cli import main

        code = main()
    except KeyboardInterrupt:  # before the command line can answer it
        code = 130
    sys.exit(code)
