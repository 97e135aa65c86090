"""`upstash-dlq doctor`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from .._cells import safe
from .._exits import Exit, as_typed, say
from .._options import Command, output, with_session
from .._output import as_json, emit
from .._screen import progress
from .._session import Session

if TYPE_CHECKING:
    from upstash_workflow_dlq import DLQClient

NAMES = ("QSTASH_URL", "QSTASH_TOKEN", "QSTASH_REGION")
REGIONS = ("US_EAST_1", "EU_CENTRAL_1")
REGION_OF_HOST = {
    "qstash.upstash.io": "eu-central-1",
    "qstash-eu-central-1.upstash.io": "eu-central-1",
    "qstash-us-east-1.upstash.io": "us-east-1",
}
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")

# Beyond that, relative times such as --since 15m begin to miss runs.
MOST_SKEW = 30


@click.command(
    "doctor",
    short_help="Find out why it does not work.",
    cls=Command,
    epilog="""
    upstash-dlq doctor
    upstash-dlq doctor --region us-east-1 -o json
    """,
)
@output("table", "json")
@with_session
def command(session: Session, output: str) -> int:
    """Why it does not work: variables, URL, network, token, region, clock, size of the queue. Only reads."""
    found: dict[str, Any] = {"variables": _variables()}
    code, problem = _examine(session, found)
    if problem:
        found["problem"] = problem
    if output == "json":
        emit(as_json({name.replace(",", "").replace(" ", "_"): value for name, value in found.items()}, indent=2))
    else:
        for line in _lines(found):
            emit(safe(line))
    if problem:
        say(f"upstash-dlq: {safe(problem)}")
    return code


def _examine(session: Session, found: dict[str, Any]) -> tuple[Exit, str]:
    from upstash_workflow_dlq import errors

    try:
        dlq = session.client(retry=None)
    except errors.ConfigurationError as error:
        message = as_typed(str(error))
        where = ". Copy the token from the Workflow tab of https://console.upstash.com"
        return Exit.CONFIGURATION, f"{message}{where if 'no token' in message else ''}"
    clocks: list[float] = []
    with dlq:
        found["base URL"] = repr(dlq).partition("base_url=")[2].strip("')")
        found["region"] = _region(found["base URL"])
        dlq.response_hooks.append(lambda response: clocks.extend(_skew(response.headers.get("Date"))))
        code, problem = _ask(session, dlq, found)
    if found["reachable"]:
        found["clock skew, seconds"] = round(clocks[-1]) if clocks else None
    if not problem and clocks and abs(clocks[-1]) > MOST_SKEW:
        return Exit.FAILED, (
            f"the clock of this machine is {abs(clocks[-1]):.0f} s {'ahead' if clocks[-1] > 0 else 'behind'}: "
            "ages such as --since 15m are off by as much; set it by NTP"
        )
    return code, problem


def _ask(session: Session, dlq: DLQClient, found: dict[str, Any]) -> tuple[Exit, str]:
    """The service."""
    from upstash_workflow_dlq import errors

    try:
        dlq.list(limit=1).first()
        found["reachable"] = found["token accepted"] = True
        with progress(session, "Counting") as advance:
            found["failed runs"] = _count(dlq, advance)
    except errors.AuthenticationError as error:
        found["reachable"], found["token accepted"] = True, False
        return Exit.CONFIGURATION, (
            f"{error}. Each region has its own token: check that this one belongs to the URL, or pass --region"
        )
    except errors.TransportError as error:
        found["reachable"] = False
        return Exit.FAILED, f"{as_typed(str(error))}. Check the network, the proxy variables and the URL"
    except errors.DLQError as error:
        found["reachable"] = True
        return Exit.FAILED, as_typed(str(error))
    return Exit.DONE, ""


def _region(url: str) -> str:
    """Whose queue it is, by the host."""
    return REGION_OF_HOST.get((urlsplit(url).hostname or "").rstrip("."), "unknown")


def _count(dlq: DLQClient, advance: Any) -> int:
    total = 0
    for total, _ in enumerate(dlq.scan(), start=1):
        if total % 100 == 0:
            advance(total)
    return total


def _variables() -> dict[str, str]:
    """Those that are set. Never the value of one that holds a token, or may hold a password."""
    names = [*NAMES, *(f"{region}_{name}" for region in REGIONS for name in ("QSTASH_URL", "QSTASH_TOKEN"))]
    names += [spelled for name in PROXIES for spelled in (name, name.lower())]
    shown = {}
    for name in names:
        value = os.environ.get(name)
        if value is not None:
            is_open = name.endswith(("_URL", "_REGION")) and "@" not in value
            shown[name] = value if is_open else f"set, {len(value)} characters"
    return shown


def _skew(date: str | None) -> Iterator[float]:
    """How far this machine's clock is ahead of the server's."""
    from email.utils import parsedate_to_datetime

    try:
        if date:
            yield time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield "variables"
    for name, value in found["variables"].items():
        yield f"  {name}  {value}"
    if not found["variables"]:
        yield "  none of those that the client looks at is set"
    for name, value in found.items():
        if name not in ("variables", "problem"):
            # Not by a dict: 1 is True there.
            word = "unknown" if value is None else value
            yield f"{name:20}  {word if not isinstance(word, bool) else 'yes' if word else 'no'}"
