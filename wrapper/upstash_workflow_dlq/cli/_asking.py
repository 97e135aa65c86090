"""Questions before anything is done."""

from __future__ import annotations

import click

from ._exits import Exit, Stopped, say
from ._session import can_ask


def refuse_without_an_answer(*, yes: bool, dry_run: bool | None = None) -> None:
    """Before anything is read: where nobody can be asked, only --yes is a yes. `dry_run`: None if there is none."""
    if not (yes or dry_run or can_ask()):
        or_look = "" if dry_run is None else ", or --dry-run to look first"
        raise Stopped(Exit.USAGE, f"nobody can be asked here, and nothing was sent: pass --yes{or_look}")


def confirm(question: str, *, count: int, type_the_count: bool) -> None:
    """Ends the command unless the answer is yes."""
    try:
        if type_the_count:
            answer = click.prompt(f"{question} To confirm, type {count}", default="", show_default=False, err=True)
            agreed = answer.strip().replace(",", "") == str(count)
        else:
            agreed = click.confirm(question, default=False, err=True)
    except click.Abort:  # Ctrl-C, or the end of the input
        say("\nNothing was sent.")
        raise Stopped(Exit.INTERRUPTED, "") from None
    if not agreed:
        say("Nothing was sent.")
        raise Stopped(Exit.FAILED, "")
