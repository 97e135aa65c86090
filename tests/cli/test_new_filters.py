"""Filters that the spec has gained: typed as they are called in the generated client, and never mistaken."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

import pytest
from command_line import Cli
from upstash_workflow_dlq.emulator import Emulator

pytestmark = pytest.mark.usefixtures("newer")


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        (["--min-priority", "3"], {"minPriority": ["3"]}),
        (["--min-priority", "-3"], {"minPriority": ["-3"]}),
        (["--zones", "a", "--zones", "b"], {"zones": ["a", "b"]}),
        (["--severity", "high", "--severity", "low"], {"severity": ["high", "low"]}),
        (["--score", "0.5"], {"score": ["0.5"]}),
        (["--only-new", "true"], {"onlyNew": ["true"]}),
        (["--only-open", "false"], {"onlyOpen": ["false"]}),
        (["--day", "2026-11-22"], {"day": ["2026-11-22"]}),
        (["--failed-after", "2026-11-22T03:00:00Z"], {"failedAfter": ["2026-11-22T03:00:00+00:00"]}),
    ],
)
def test_what_is_typed_is_sent(cli: Cli, queue: Emulator, typed: list[str], sent: dict[str, list[str]]) -> None:
    cli("list", *typed, "--label", "a", "-o", "ids", "--limit", "7")
    query = parse_qs(queue.requests[0].query)
    assert query == {**sent, "label": ["a"], "count": ["7"]}


def test_an_age_is_a_time(cli: Cli, queue: Emulator) -> None:
    cli("list", "--failed-after", "2h", "-o", "ids")
    assert re.search(r"failedAfter=20\d\d-", queue.requests[0].query)


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        (["--min-priority", "many"], "min_priority takes an int"),
        (["--min-priority=--5"], "min_priority takes an int"),
        (["--min-priority", "3", "--min-priority", "4"], "--min-priority"),
        (["--only-new", "true", "--only-new", "false"], "--only-new"),
        (["--severity", "worst"], "it must be one of high, low"),
        (["--zones", "a,b"], "comma"),
        (["--min-priority", ""], "is empty"),
        (["--tenant", "acme"], "would not be in the query"),
    ],
)
def test_what_cannot_be_sent_is_refused(cli: Cli, queue: Emulator, typed: list[str], complaint: str) -> None:
    result = cli("list", *typed)
    assert result.status == 2
    assert complaint in result.error
    assert queue.requests == []


def test_our_own_options_win(cli: Cli, queue: Emulator) -> None:
    """The newer list has parameters called `region` and `limit`."""
    cli("list", "--min-priority", "3", "--limit", "5", "-o", "ids")
    assert parse_qs(queue.requests[0].query) == {"minPriority": ["3"], "count": ["5"]}
    assert cli("resume", "1752829295505-0", "--delay", "10s", "--yes").status == 0
    assert queue.started[0].overrides == {"upstash-delay": "10s"}


def test_by_itself_it_selects_nothing_to_act_on(cli: Cli, queue: Emulator) -> None:
    for target in ([], ["--all"], ["1752829295505-0"]):
        result = cli("delete", "--min-priority", "3", *target, "--yes")
        assert result.status == 2
        assert "pass exactly one of ids (or --from), filters and --all" in result.error
    assert queue.requests == []
