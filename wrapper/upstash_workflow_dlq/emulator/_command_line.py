"""The emulator as a development server: what `python -m upstash_workflow_dlq.emulator` runs."""

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from . import faults
from ._settings import DEFAULT_TOKEN, Settings

if TYPE_CHECKING:
    from . import Emulator

_Number = TypeVar("_Number", int, float)

_FAULTS: dict[str, faults.Fault] = {
    "burst": faults.burst_limit(),
    "daily": faults.daily_limit(),
    "html": faults.html(),
    "reset": faults.reset(),
    "reset-after-acting": faults.reset_after_acting(),
    "slow": faults.slow(1.0),
    "truncated": faults.truncated(),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM. The exit code is 0, or 1 if the emulator cannot start."""
    parser = _parser()
    options = parser.parse_args(argv)
    shares = sum(share for _, share in options.fault)
    if shares > 1:
        parser.error(f"the shares of all faults must add up to at most 1, got {shares:g}")
    if options.refail_after is not None and options.refail is None:
        parser.error("--refail-after needs --refail, the share of runs that fail again: --refail 0.3")
    try:
        from . import Emulator

        newest = None if options.fixed else time.time_ns() // 1_000_000
        address = {"host": options.host, "port": options.port, "token": options.token}
        emulator = Emulator(options.runs, newest=newest, settings=_settings(options), **address)
        _serve(emulator, f"{options.runs} made-up failed runs, the newest from {'just now' if newest else 'July 2025'}")
    except (ImportError, OSError, ValueError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(emulator: "Emulator", what: str) -> None:
    """Serve until a signal."""
    stopped = threading.Event()
    # Before the announcement, so that a script that reads it can stop the emulator at once.
    handlers = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with emulator:
            print(f"Serving {what}; Ctrl-C stops it.")
            print("Set these two variables where your code runs:")
            print("\n".join(f"{name}={value}" for name, value in emulator.environ.items()), flush=True)
            while not stopped.wait(1):  # on Windows, Ctrl-C does not interrupt a wait without a timeout
                pass
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _settings(options: argparse.Namespace) -> Settings:
    refail = {name: vars(options)[name] for name in ("refail", "refail_after") if vars(options)[name] is not None}
    return Settings(
        latency=options.latency,
        cursor_end=options.cursor_end,
        empty_pages=options.empty_pages,
        missing=options.missing,
        null=options.null,
        date_field=options.date_field,
        fault_shares=dict(options.fault),
        **refail,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m upstash_workflow_dlq.emulator",
        description="Serves the Upstash Workflow dead-letter queue on loopback, with made-up failed runs.",
        epilog="Requests from web pages of other origins and for hosts other than loopback are refused: otherwise any "
        "page in your browser could empty the queue.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    add("--port", type=_port, default=8080, help="0 for any free one (default: %(default)s)")
    add("--runs", type=_count, default=100, metavar="N", help="how many failed runs (default: %(default)s)")
    add(
        "--fixed",
        action="store_true",
        help="the same runs with the same ids at every start, the newest from July 2025 (default: the newest from now)",
    )
    add("--token", default=DEFAULT_TOKEN, help="the token that clients must send (default: %(default)s)")
    misbehaviour = parser.add_argument_group("misbehaviour")
    add = misbehaviour.add_argument
    add("--latency", type=_seconds, default=0.0, metavar="SECONDS", help="delay every request")
    add("--cursor-end", choices=("absent", "empty", "null"), default="absent", help="the cursor of the last page")
    add("--empty-pages", type=_count, default=0, metavar="N", help="insert an empty page before every N-th page")
    add("--missing", action="append", default=[], metavar="FIELD", help="leave a field out of every run (repeatable)")
    add("--null", action="append", default=[], metavar="FIELD", help="deliver a field as null (repeatable)")
    add(
        "--date-field",
        choices=("dlqId", "createdAt", "workflowCreatedAt"),
        default="dlqId",
        help="the time that fromDate and toDate filter (default: %(default)s)",
    )
    add(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="KIND=SHARE",
        help=f"make a share (0 to 1) of requests fail (repeatable); KIND is a status or one of {', '.join(_FAULTS)}",
    )
    add(
        "--refail",
        type=_share,
        metavar="SHARE",
        help="make a share (0 to 1) of resumed and restarted runs fail again (default: 0)",
    )
    add(
        "--refail-after",
        type=_seconds_or_range,
        metavar="SECONDS",
        help="how long after their start, or a range from which it is drawn, such as 1-90 (default: 5)",
    )
    return parser


def _port(text: str) -> int:
    return _number(int, text, 65_535)


def _count(text: str) -> int:
    return _number(int, text, 10_000_000)


def _seconds(text: str) -> float:
    return _number(float, text, 3600.0)


def _share(text: str) -> float:
    return _number(float, text, 1.0)


def _seconds_or_range(text: str) -> float | tuple[float, float]:
    least, dash, most = text.partition("-")
    if not least or not dash:  # a leading dash is a minus
        return _seconds(text)
    bounds = _seconds(least), _seconds(most)
    if bounds[0] > bounds[1]:
        raise argparse.ArgumentTypeError(f"expected a range such as 1-90, the lower number first, got {text!r}")
    return bounds


def _fault(text: str) -> tuple[faults.Fault, float]:
    kind, _, share = text.partition("=")
    try:
        fault = _FAULTS[kind] if kind in _FAULTS else faults.status(int(kind))
    except ValueError:
        known = ", ".join(_FAULTS)
        raise argparse.ArgumentTypeError(f"expected a status from 200 to 599 or one of {known}, got {kind!r}") from None
    return fault, _share(share)


def _number(kind: Callable[[str], _Number], text: str, most: _Number) -> _Number:
    try:
        number = kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, got {text!r}") from None
    if not 0 <= number <= most:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to {most}, got {number}")
    return number
