"""`upstash-dlq completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .._options import Command
from .._output import emit

SHELLS = ("bash", "zsh", "fish")


def script(shell: str) -> str:
    """What a shell reads to complete commands, options and their values."""
    from .._app import COMPLETE, NAME, app

    found = get_completion_class(shell)
    assert found is not None, shell  # noqa: S101
    return found(app, {}, NAME, COMPLETE).source()


@click.command(
    "completion",
    short_help="Completion for bash, zsh and fish.",
    cls=Command,
    epilog="""
    eval "$(upstash-dlq completion bash)"
    upstash-dlq completion fish > ~/.config/fish/completions/upstash-dlq.fish
    """,
)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """A script that completes commands and options: for ~/.bashrc, ~/.zshrc, or fish's folder of completions."""
    emit(script(shell))
