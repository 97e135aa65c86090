"""`python -m upstash_workflow_dlq`: says what can be run."""

from __future__ import annotations

import argparse

from ._version import __version__


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m upstash_workflow_dlq",
        description="A library: `from upstash_workflow_dlq import DLQClient`. It has no commands of its own yet.",
        epilog="To run: `python -m upstash_workflow_dlq.emulator --help`, the service on your own machine.",
    )
    parser.add_argument("--version", action="version", version=f"upstash-workflow-dlq {__version__}")
    parser.parse_args()
    parser.print_help()


if __name__ == "__main__":
    main()
