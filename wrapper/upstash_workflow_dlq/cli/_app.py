"""The command `upstash-dlq`: finds the commands, runs one, and turns whatever happens into an exit code."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from contextlib import suppress

import click
from click.shell_completion import shell_complete

from . import commands
from ._exits import Exit, cannot_write, discard_output, ended, say, writing
from ._options import Group, everywhere
from ._session import Session

NAME = "upstash-dlq"
# What a shell sets when it asks for completions.
COMPLETE = "_UPSTASH_DLQ_COMPLETE"


class Commands(Group):
    """Each module in `commands` is one, under the name of its `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        # In the order of a night: look, act, the rest.
        names = [module.name for module in pkgutil.iter_modules(commands.__path__)]
        order = (
            "list",
            "show",
            "count",
            "summary",
            "watch",
            "check",
            "doctor",
            "resume",
            "restart",
            "delete",
            "redrive",
        )
        return sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{commands.__name__}.{cmd_name}")
        found: click.Command = module.command
        return found


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from upstash_workflow_dlq import __version__

        click.echo(f"upstash-dlq {__version__}")
        ctx.exit()


app = Commands(
    NAME,
    help="See which workflow runs failed and why; resume, restart or delete them. The token is in QSTASH_TOKEN.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": False},
    params=[
        click.Option(
            ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version."
        ),
        *everywhere(),
    ],
    callback=lambda: None,
    epilog="""
    upstash-dlq summary --since 24h
    upstash-dlq list --fingerprint 1-d9fc08ceb2b8
    upstash-dlq resume --fingerprint 1-d9fc08ceb2b8 --dry-run
    """,
)


def _has_no_reader(error: BaseException) -> bool:
    # rich turns it into an exit with 1.
    return isinstance(error.__context__ if isinstance(error, SystemExit) else error, BrokenPipeError)


def _open_streams() -> None:
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Closed by the shell (`>&-`). Commands do as they would, and their exit codes stay.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        with suppress(AttributeError, ValueError, OSError):
            # What an encoding lacks is escaped. A table in a plain C locale is better than a traceback.
            getattr(sys, name).reconfigure(errors="backslashreplace")


def run(arguments: Sequence[str] | None = None) -> int:
    session = Session()
    _open_streams()
    # httpx loads its own command line, with rich and pygments, where click is installed: a third of a short command.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    args = list(sys.argv[1:] if arguments is None else arguments)
    if instruction := os.environ.get(COMPLETE):
        return shell_complete(app, {"obj": session}, NAME, COMPLETE, instruction)
    try:
        # Not app.main, which answers a closed pipe and Ctrl-C with 1.
        with app.make_context(NAME, args, obj=session) as context:
            code = app.invoke(context)
        with writing():
            sys.stdout.flush()
    except click.exceptions.Exit as ended_early:  # after --help
        return ended_early.exit_code
    except click.exceptions.NoArgsIsHelpError as without_arguments:
        say(without_arguments.format_message())
        return Exit.USAGE
    except BaseException as error:
        if _has_no_reader(error):
            # Whoever read it (`| head`) has enough.
            discard_output()
            return Exit.DONE
        try:
            sys.stdout.flush()
        except OSError as unwritten:
            discard_output()
            if isinstance(error, OSError) and error.filename is None:
                error = cannot_write(unwritten)
        return ended(error, debug=session.debug)
    return int(code or 0)
