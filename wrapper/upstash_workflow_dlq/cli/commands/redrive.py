"""`upstash-dlq redrive`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from .._files import FILE
from .._numbers import LIMIT, SHARE, WHOLE, Number
from .._options import Command, FilteringCommand, Group, dry_run, everywhere, output, target, with_session, yes
from .._overrides import overrides
from .._session import Session
from .._times import SPAN_OR_ZERO

RATE = Number("a number of runs a second, such as 5 or 0.5 (up to 10,000)", 0, 10_000, above=True)
GROWTH = Number("a number from 1 to 1,000", 1, 1000)

file = click.argument("file", type=FILE, metavar="FILE")


@click.group(
    "redrive",
    short_help="Bring many runs back: at a rate, in waves.",
    cls=Group,
    params=everywhere(),
    epilog="""
    upstash-dlq redrive plan billing.redrive --action resume --label billing
    upstash-dlq redrive run billing.redrive
    """,
)
def command() -> None:
    """Bring many runs back without making it worse: at a rate, a canary first, each run at most once.

    FILE is the journal: which runs, and what became of each. Stopped at any time, the redrive goes on from FILE.
    """


@command.command(
    "plan",
    short_help="Choose the runs, and write them to a new FILE.",
    cls=FilteringCommand,
    epilog="""
    upstash-dlq redrive plan billing.redrive --action resume --label billing --dry-run
    upstash-dlq redrive plan billing.redrive --action resume --fingerprint 1-d9fc08ceb2b8
    upstash-dlq redrive plan old.redrive --action delete --until 30d
    upstash-dlq redrive plan left.redrive --action restart --from left.txt --retries 0
    """,
)
@file
@click.option(
    "--action", type=click.Choice(["resume", "restart", "delete"]), required=True, help="What to do with each run."
)
@target
@overrides
@dry_run
@with_session
def plan(session: Session, file: str, action: str, **options: Any) -> int:
    """Choose the runs, and keep them with their payloads in a new FILE. Sends only reads."""
    from .._redrive_plan import plan

    return plan(session, file, action, options)


@command.command(
    "run",
    short_help="Send what is left, wave by wave.",
    cls=Command,
    epilog="""
    upstash-dlq redrive run billing.redrive
    upstash-dlq redrive run billing.redrive --rate 20 --canary 20 --watch 5m --max-failures 5%
    upstash-dlq redrive run billing.redrive --force --yes
    """,
)
@file
@click.option("--rate", type=RATE, metavar="N", help="Runs a second, at most. Default: 5.")
@click.option(
    "--canary", type=WHOLE, metavar="N", help="Runs in the first wave, and in the first after a pause. Default: 10."
)
@click.option("--growth", type=GROWTH, metavar="N", help="How many times as many runs the next wave has. Default: 4.")
@click.option("--wave-max", type=WHOLE, metavar="N", help="Runs in a wave, at most. Default: 1,000.")
@click.option(
    *("--watch", "watch"),
    type=SPAN_OR_ZERO,
    metavar="SPAN",
    help="How long to watch, after each wave, for runs that fail again; 0s looks once. Default: 2m.",
)
@click.option(
    "--max-failures",
    type=SHARE,
    metavar="SHARE",
    help="Pause if more than this share of a wave fails again or is refused: 10% or 0.1. Default: 10%.",
)
@click.option("--force", is_flag=True, help="Go on although it is paused, with a canary first.")
@click.option("--again", is_flag=True, help="Also redrive the runs that failed again.")
@yes
@with_session
def run(
    session: Session,
    file: str,
    rate: float | None,
    canary: int | None,
    growth: float | None,
    wave_max: int | None,
    watch: timedelta | None,
    max_failures: float | None,
    force: bool,
    again: bool,
    yes: bool,
) -> int:
    """Send what is left, wave by wave, and pause if runs fail again.

    FILE remembers the rate, the waves and the limits: pass them once. Ctrl-C stops it, and the same command goes on.
    """
    from .._redriving import How, run

    settings = {
        "rate": rate,
        "canary": canary,
        "growth": growth,
        "wave_max": wave_max,
        "watch": watch,
        "max_failures": max_failures,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    return run(session, file, How(given, force=force, again=again, is_sure=yes))


@command.command(
    "status",
    short_help="How far it has got.",
    cls=Command,
    epilog="""
    upstash-dlq redrive status billing.redrive
    upstash-dlq redrive status billing.redrive -o json
    """,
)
@file
@output("table", "json")
@with_session
def status(session: Session, file: str, output: str) -> None:
    """How far it has got; also while another process runs it. Reads only FILE."""
    from .._redrive_status import show_status

    show_status(session, file, output)


@command.command(
    "results",
    short_help="What became of each run.",
    cls=Command,
    epilog="""
    upstash-dlq redrive results billing.redrive
    upstash-dlq redrive results billing.redrive -o csv > results.csv
    """,
)
@file
@click.option("--limit", type=LIMIT, metavar="N|all", help="Show the first N. Default: all; on a terminal, 50.")
@output("table", "jsonl", "csv")
@with_session
def results(session: Session, file: str, limit: Any, output: str) -> None:
    """What became of each run, in the order of the plan; also while another process runs it."""
    from .._redrive_status import show_results

    show_results(session, file, limit, output)


@command.command(
    "rate",
    short_help="Change the rate, also of one that runs.",
    cls=Command,
    epilog="""
    upstash-dlq redrive rate billing.redrive 20
    upstash-dlq redrive rate billing.redrive 0.5
    """,
)
@file
@click.argument("rate", type=RATE, metavar="N")
@with_session
def rate(session: Session, file: str, rate: float) -> None:
    """Set the rate to at most N runs a second. A process that runs it follows within a second."""
    from .._redrive_status import set_rate

    set_rate(file, rate)
