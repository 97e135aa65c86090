"""The reference of the command line, from the commands themselves: `python -m tools.site.commands FILE`."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import click
from upstash_workflow_dlq.cli import _options
from upstash_workflow_dlq.cli._app import app

EVERYWHERE = frozenset(option.name for option in _options.EVERYWHERE)


def _filters() -> list[click.Option]:
    """In the order of `--help`."""

    @click.command
    @_options.filters
    def taking_filters() -> None: ...

    return [param for param in taking_filters.params if isinstance(param, click.Option)]


FILTERS = frozenset(option.name for option in _filters())


def reference() -> str:
    """In Markdown, from the second level of headings on."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    context = click.Context(app, info_name=app.name)
    for name in app.list_commands(context):
        yield from _command(context, name)
    yield from ("## Filters", "", "Wherever runs are selected. All that are given must match.", "")
    yield from _options_of(context, _filters())
    yield from ("## Options of every command", "", "They are taken before and after the name of the command.", "")
    yield from _options_of(context, app.get_params(context))


def _command(parent: click.Context, name: str) -> Iterator[str]:
    command = cast(click.Group, parent.command).get_command(parent, name)
    if command is None:
        raise ValueError(f"{name} is listed, and is no command")
    context = click.Context(command, info_name=name, parent=parent)
    path = context.command_path.removeprefix(f"{app.name} ")
    yield from ("#" * (path.count(" ") + 2) + f" {path}", "")
    yield from (inspect.cleandoc(command.help or command.short_help or "").replace("\b", ""), "")
    if name == "emulator":
        # It hands everything on to the emulator's own command line.
        yield from ("```text", _help_of_the_emulator(), "```", "")
        return
    yield from ("```text", " ".join(command.get_usage(context).split()).removeprefix("Usage: "), "```", "")
    shared = EVERYWHERE | (FILTERS if _takes_filters(command) else frozenset())
    yield from _options_of(context, [param for param in command.get_params(context) if param.name not in shared])
    if _takes_filters(command):
        yield from ("Also all [filters](#filters).", "")
    if command.epilog:
        yield from ("```sh", *(line.strip() for line in command.epilog.strip().splitlines()), "```", "")
    if isinstance(command, click.Group):
        for subcommand in command.list_commands(context):
            yield from _command(context, subcommand)


def _takes_filters(command: click.Command) -> bool:
    return {param.name for param in command.params} >= FILTERS


def _options_of(context: click.Context, params: list[click.Parameter] | list[click.Option]) -> Iterator[str]:
    described = [
        record for param in params if "--help" not in param.opts and (record := param.get_help_record(context))
    ]
    records = [(option, text) for option, text in described if text]
    if records:
        yield from (f"- `{option}`: {_plain(text)}" for option, text in records)
        yield ""


def _plain(text: str) -> str:
    """Help is no Markdown, but for its `code`."""
    return " ".join(text.split()).replace("<", "&lt;").replace("*", "\\*")


def _help_of_the_emulator() -> str:
    command = [sys.executable, "-m", "upstash_workflow_dlq.emulator", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"COLUMNS": "88"})  # noqa: S603
    return done.stdout.strip()


if __name__ == "__main__":
    [file] = map(Path, sys.argv[1:])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(reference() + "\n", "utf-8")
