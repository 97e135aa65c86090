"""A service that sends more runs than were asked for: none is lost, and none comes twice."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from conftest import Connect
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import InvalidResponseError

SENT = 50


class Generous(httpx.MockTransport):
    """100 runs in pages of 50, whatever `count` says. The cursor is the number of the next run."""

    def __init__(self, statuses: tuple[int, ...] = (500,)) -> None:
        super().__init__(self._answer)
        self._statuses = statuses

    def _answer(self, request: httpx.Request) -> httpx.Response:
        params = request.url.params
        start = int(params.get("cursor", 0))
        runs = [
            {"dlqId": f"{number}-0", "responseStatus": self._statuses[number % len(self._statuses)]}
            for number in range(start, start + SENT)
        ]
        return httpx.Response(200, json={"messages": runs} | ({"cursor": str(SENT)} if start == 0 else {}))


def numbers(runs: Any) -> list[int]:
    return [int(run.dlq_id.removesuffix("-0")) for run in runs]


@in_pairs({"connect": CLIENTS, "prefetch": [False, True], "limit": [1, 10, 49]})
def test_a_page_cut_by_its_limit_has_no_cursor_to_continue_from(connect: Connect, limit: int, prefetch: bool) -> None:
    pages = connect(transport=Generous()).list(limit=limit, prefetch=prefetch).pages()
    for _ in range(2):  # it does not become the end, either
        with pytest.raises(InvalidResponseError, match=f"sent 50 runs instead of {limit}.* read pages without limit"):
            next(pages)


@pytest.mark.parametrize("prefetch", [False, True])
def test_the_pages_before_the_limit_keep_theirs(connect: Connect, prefetch: bool) -> None:
    client = connect(transport=Generous())
    pages = client.list(limit=60, prefetch=prefetch).pages()
    first = next(pages)
    assert (numbers(first.runs), first.cursor) == (list(range(50)), "50")
    with pytest.raises(InvalidResponseError, match="sent 50 runs instead of 10"):
        next(pages)
    assert numbers(first.runs) + numbers(client.list(cursor=first.cursor)) == list(range(100))


def test_a_limit_at_the_end_of_a_page_cuts_nothing(connect: Connect) -> None:
    client = connect(transport=Generous())
    [only] = client.list(limit=50).pages()
    assert numbers(only.runs) + numbers(client.list(cursor=only.cursor)) == list(range(100))


@in_pairs({"connect": CLIENTS, "limit": [0, 1, 10, 50, 60, 100, 200], "prefetch": [False, True]})
def test_runs_without_cursors_are_cut_by_the_limit(connect: Connect, limit: int, prefetch: bool) -> None:
    runs = connect(transport=Generous()).list(limit=limit, prefetch=prefetch)
    assert numbers(runs) == list(range(min(limit, 100)))


@pytest.mark.parametrize("page_size", [1, 7, 100])
def test_without_a_limit_nothing_is_cut(connect: Connect, page_size: int) -> None:
    client = connect(transport=Generous())
    assert numbers(run for page in client.list(page_size=page_size).pages() for run in page.runs) == list(range(100))
    assert numbers(client.list(page_size=page_size)) == list(range(100))
    assert client.count() == 100
    assert numbers(client.resume_many(all=True, dry_run=True)) == list(range(100))


def test_a_scan_of_long_pages_has_each_run_once(connect: Connect) -> None:
    assert sorted(numbers(connect(transport=Generous()).scan(workers=1))) == list(range(100))


def test_pages_of_one_status_are_cut_only_at_runs_of_another(connect: Connect) -> None:
    client = connect(transport=Generous(statuses=(500, 489)))
    with pytest.raises(InvalidResponseError, match="sent 25 runs instead of 10"):
        next(client.list(response_status=500, limit=10).pages())
    [only] = client.list(response_status=500, limit=25).pages()
    rest = client.list(response_status=500, cursor=only.cursor)
    assert numbers(only.runs) + numbers(rest) == list(range(0, 100, 2))
