"""`upstash-dlq emulator`."""

from __future__ import annotations

import importlib.util
import runpy
import sys

import click

from .._exits import Exit, Stopped


@click.command(
    "emulator",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
    add_help_option=False,
    short_help="Serve a made-up queue on this machine.",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> int:
    """As `python -m upstash_workflow_dlq.emulator`, which has the options."""
    if importlib.util.find_spec("uvicorn") is None or importlib.util.find_spec("starlette") is None:
        raise Stopped(Exit.CONFIGURATION, 'it needs an extra: python -m pip install "upstash-workflow-dlq[emulator]"')
    sys.argv = ["upstash-dlq emulator", *arguments]
    try:
        runpy.run_module("upstash_workflow_dlq.emulator", run_name="__main__", alter_sys=False)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    return Exit.DONE
