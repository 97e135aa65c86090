"""Failed runs in groups: what is one group and what is not, and what a summary counts."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upstash_workflow_dlq import FailedRun, Failure
from upstash_workflow_dlq.triage import By, Group, Summarizer, Summary, fingerprint, summarize, workflow_path

START = 1_752_829_200_000
"""18 July 2025, 9:00 UTC."""


def failed(message: str, name: str = "Error", url: str = "https://app.example.com/api/pay", **more: Any) -> FailedRun:
    return FailedRun({"workflowUrl": url, "responseBody": json.dumps({"error": name, "message": message}), **more})


ALIKE = [
    # numbers and amounts
    ("order 17 not found", "order 18 not found"),
    ("order #17 not found", "order #4711 not found"),
    ("order no. 17", "order no. 1,000,017"),
    ("connection to db-1 lost", "connection to db-2 lost"),
    ("worker7 died", "worker12 died"),
    ("worker_7 died", "worker_12 died"),
    ("balance is -3.50", "balance is 1,249.00"),
    ("amount € 89,90 refused", "amount $ 1249.00 refused"),
    ("amount 12.50 EUR refused", "amount 3 USD refused"),
    ("ids 1, 2, 3 are gone", "ids 4 are gone"),
    ("rows [1, 2] failed", "rows [3] failed"),
    ("95% of the quota is used", "99.9 % of the quota is used"),
    ("needs 512MB", "needs 1.5 GB"),
    ("version 1.2.3 is too old", "version 1.10.0 is too old"),
    ("API v2.1 was removed", "API v2.7 was removed"),
    ("query returned 17 rows", "query returned 1200 rows"),
    ("job failed with 3 errors", "job failed with 12 errors"),
    ("page 3 of 10", "page 9 of 12"),
    ("promo code 12345678 expired", "promo code 87654321 expired"),
    ("zip code 12345-678 is unknown", "zip code 98765-432 is unknown"),
    # times
    ("timeout of 30000ms exceeded", "timeout of 5 s exceeded"),
    ("no answer after 1 second", "no answer after 30 seconds"),
    ("due 2025-07-18T09:01:33.531Z", "due 2026-01-02T10:00:00Z"),
    ("due 2025-07-18T09:01:33+02:00", "due 2026-01-02T10:00:00Z"),
    ("due 2025-07-18 09:01:33", "due 2026-01-02 10:00:00"),
    ("due at 9:30", "due at 12:05:59"),
    ("due at 9:30 AM", "due at 12:05 PM"),
    ("due July 18, 2025", "due May 3, 2026"),
    ("due 18 Jul 2025", "due 3 May 2026"),
    ("due Fri, 18 Jul 2025 09:01:33 GMT", "due Thu, 02 Jan 2026 10:00:00 GMT"),
    (
        "due Fri Jul 18 2025 09:01:33 GMT+0000 (Coordinated Universal Time)",
        "due Thu Nov 26 2026 12:14:36 GMT+0100 (Central European Standard Time)",
    ),
    # ids and hashes
    ("user 8c7f3a12-1b2c-4d5e-8f90-123456789abc is gone", "user f47ac10b-58cc-4372-a567-0e02b2c3d479 is gone"),
    ("user 8C7F3A12-1B2C-4D5E-8F90-123456789ABC is gone", "user deadbeef-dead-4eef-dead-beefdeadbeef is gone"),
    ("commit 7f3a9c1 is missing", "commit abcdef1 is missing"),
    ("hash d41d8cd98f00b204e9800998ecf8427e", "hash e3b0c44298fc1c149afbf4c8996fb924"),
    ("object at 0x7f9c2a at fault", "object at 0x1f at fault"),
    ("see log entry 7f3a", "see log entry 9b"),
    ("see log entry x7f3a", "see log entry b1c9"),
    ("no customer cus_9s6XKzkNRiz8i3", "no customer cus_4QyTz0aBcDeFg1"),
    ("run wfr_Q_khHG-a414M-xKRh2kNI ended", "run wfr_5XAx4IJergqkGK1v23VzR ended"),
    ("document 01ARZ3NDEKTSV4RRFFQ69G5FAV", "document 01BX5ZZKBKACTAV9WEVGEMMVRZ"),
    ("token eyJhbGciOiJIUzI1NiJ9.eyJpZCI6MX0.abc is old", "token eyJhbGciOiJFUzI1NiJ9.eyJpZCI6Mn0.x-z is old"),
    ("digest aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ= differs", "digest d29ybGQgaGVsbG8gd29ybGQgaGVsbG8= differs"),
    ('invoice "INV-2025-0731" is closed', 'invoice "RE-17" is closed'),
    ("seat 'A-12' is taken", "seat 'C-7' is taken"),
    # addresses
    ("connect ECONNREFUSED 10.0.0.1:5432", "connect ECONNREFUSED 192.168.17.4:6379"),
    ("connect ECONNREFUSED ::1:5432", "connect ECONNREFUSED 127.0.0.1:5432"),
    ("blocked 2001:db8::1f", "blocked fe80::1ff:fe23:4567:890a"),
    ("no route to 00:1a:2b:3c:4d:5e", "no route to a0:1a:2b:3c:4d:5f"),
    ("port 8080 is in use", "port 3000 is in use"),
    ("GET https://api.example.com/v1/a?b=c failed", "GET http://localhost:8080 failed"),
    ("GET https://api.example.com/users/17, twice", "GET https://other.example.org/, twice"),
    ("mail to zoe@example.com bounced", "mail to max.mustermann+test@mail.example.co.uk bounced"),
    ("mail to <z@example.com> bounced", "mail to <1st@example.org> bounced"),
    # paths
    ("cannot open /data/users/17/avatar.png", "cannot open /data/users/4711/avatar.png"),
    ("GET /orders/8c7f3a12-1b2c-4d5e-8f90-123456789abc/lines", "GET /orders/17/lines"),
    ("at /app/dist/index.js:12:34", "at /app/dist/index.js:7:1"),
    ("bucket key logs/2025/07/18/a.gz", "bucket key logs/2026-01-02/a.gz"),
    # spaces
    ("card  expired\n", "card expired"),
]

DIFFERENT = [
    ("card expired", "do not honour"),
    ("card expired", "card declined"),
    ("", "card expired"),
    ("connection to db-1 lost", "connection to cache-1 lost"),
    ("connection to db-1 lost", "connection to db-1 refused"),
    ("worker7 died", "server7 died"),
    ("worker 7", "worker"),
    ("order 17 not found", "invoice 17 not found"),
    ('column "email" does not exist', 'column "name" does not exist'),
    ('table "orders_2024" does not exist', 'table "customers_2024" does not exist'),
    ("table order_items_v2 is gone", "table stock_items_v2 is gone"),
    ("customer.email is undefined", "customer.name is undefined"),
    ("l'adresse « Zoë » n'est pas vérifiée", "l'adresse « Max » n'est pas vérifiée"),
    ("今週のまとめ", "来週のまとめ"),
    ("API v1 was removed", "API v2 was removed"),
    ("API v1.2 was removed", "API v2.2 was removed"),
    ("use the v1 API", "use the v2 API"),
    ("connect over IPv4 failed", "connect over IPv6 failed"),
    ("not valid UTF-8", "not valid UTF-16"),
    ("cannot reach S3", "cannot reach EC2"),
    ("S3Error: gone", "SQS2Error: gone"),
    ("bad base64", "bad base32"),
    ("SHA-256 differs", "SHA-1 differs"),
    ("2FA is required", "3DS is required"),
    ("Prisma P2002", "Prisma P2025"),
    ("payment provider answered 503", "payment provider answered 429"),
    ("Request failed with status code 404", "Request failed with status code 500"),
    ("exit code 1", "exit code 137"),
    ("HTTP/1.1 502 from upstream", "HTTP/1.1 504 from upstream"),
    ("upstream said HTTP 502", "upstream said HTTP 504"),
    ("error code: 1062", "error code: 1213"),
    ("SQLSTATE[42P01]: gone", "SQLSTATE[23505]: gone"),
    ("killed by signal 9", "killed by signal 15"),
    ("mail to zoe@example.com bounced", "mail to zoe@example.com was refused"),
    ("GET https://example.com/a failed", "POST https://example.com/a failed"),
    ("connect ECONNREFUSED 10.0.0.1:5432", "connect ETIMEDOUT 10.0.0.1:5432"),
    ("GET /orders/17/lines", "GET /orders/17/labels"),
    ("cannot open /data/users/17.png", "cannot open /data/orders/17.png"),
    ("the facade fell", "the decade fell"),
    ("std::bad_alloc", "std::bad_cast"),
    ("Market 5 closed", "Marker 5 closed"),
    ("Monitor 5 failed", "Sunlight 5 failed"),
    ("Maybe later", "Mayhem later"),
    ("no retry in sight", "no entry in sight"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_what_differs_from_run_to_run_does_not_split_a_group(one: str, other: str) -> None:
    assert fingerprint(failed(one)) == fingerprint(failed(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_went_wrong_differently_is_not_one_group(one: str, other: str) -> None:
    assert fingerprint(failed(one)) != fingerprint(failed(other))


def test_the_name_of_the_failure_counts() -> None:
    assert fingerprint(failed("x", "TypeError")) != fingerprint(failed("x", "RangeError"))
    assert fingerprint(failed("x", "Error404")) != fingerprint(failed("x", "Error500")), "names of classes"
    assert fingerprint(FailedRun({"responseStatus": 502})) != fingerprint(FailedRun({"responseStatus": 504}))


def test_a_sentence_in_place_of_a_name_is_read_like_a_message() -> None:
    assert fingerprint(failed("", "order 17 not found")) == fingerprint(failed("", "order 18 not found"))


def test_name_and_message_are_not_confused() -> None:
    assert fingerprint(failed("b", "a")) != fingerprint(failed("", "a b"))
    assert fingerprint(failed("/b", "a", url="/c")) != fingerprint(failed("", "a", url="/b/c"))


def test_the_path_of_the_workflow_counts_but_neither_host_nor_query() -> None:
    here = fingerprint(failed("x", url="https://a.example.com/api/pay?tenant=1"))
    assert here == fingerprint(failed("x", url="http://b.example.com:8080/api/pay#there"))
    assert here != fingerprint(failed("x", url="https://a.example.com/api/refund"))


def test_a_fingerprint_stays_what_it_was() -> None:
    # People keep them in scripts. Whoever changes this changes the version.
    assert fingerprint(failed("order 17 not found")) == "1-029a026bcf5e"
    assert fingerprint(FailedRun({})) == "1-dbe090d5dd5c"


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    code = (
        "from upstash_workflow_dlq import FailedRun; from upstash_workflow_dlq.triage import fingerprint;"
        'print(fingerprint(FailedRun({\'responseBody\': \'{"error": "E", "message": "Zo\\u00eb 17"}\'})))'
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603
    assert ran.stdout.strip() == fingerprint(FailedRun({"responseBody": '{"error": "E", "message": "Zoë 18"}'}))


@pytest.mark.parametrize(
    "broken",
    [
        {"responseStatus": "500"},
        {"responseStatus": 10**5000},
        {"workflowUrl": 7, "responseBody": [1]},
        {"workflowUrl": "http://[", "responseBody": '{"error": "\\ud800", "message": "\\udc00"}'},
        {"dlqId": 5, "createdAt": "now", "labels": 7, "label": 8},
        {"createdAt": 10**300},
        {"dlqId": "\ud800", "labels": ["\ud800"], "workflowUrl": "\ud800"},
    ],
)
def test_a_run_with_broken_fields_is_counted_in_a_group(broken: dict[str, Any]) -> None:
    assert fingerprint(FailedRun(broken)).startswith("1-")
    for by in get_args(By):
        summary = summarize([FailedRun(broken), failed("x")], by=by)
        assert summary.total == 2
        assert sum(group.count for group in summary.groups) == 2


def test_a_run_that_is_no_json_at_all_is_counted() -> None:
    from upstash_workflow_dlq._core.json import Head

    run = FailedRun._of_json(b'{"dlqId": "1", "labels": [}', Head("1"))
    assert summarize([run], by="label").groups[0].key == ""
    assert summarize([run], by="failure").groups[0].example == "1"


WORDS = st.text(st.characters(codec="utf-8", categories=["L"]), min_size=1, max_size=12)


@settings(deadline=None)
@given(before=WORDS, after=WORDS, one=st.integers(), other=st.integers())
def test_any_two_numbers_between_words_are_alike(before: str, after: str, one: int, other: int) -> None:
    text = f"the {before} no {{}} {after}x"
    assert fingerprint(failed(text.format(one))) == fingerprint(failed(text.format(other)))


@settings(deadline=None)
@given(st.uuids(), st.uuids())
def test_any_two_uuids_are_alike(one: Any, other: Any) -> None:
    for text in ("user {} is gone", "user '{}' is gone", "GET /users/{}/orders", "id={}", "user:{}"):
        assert fingerprint(failed(text.format(one))) == fingerprint(failed(text.format(other)))


@settings(deadline=None)
@given(
    st.datetimes(), st.datetimes(), st.sampled_from(["%Y-%m-%dT%H:%M:%SZ", "%d %B %Y", "%a %b %d %Y %H:%M:%S GMT+0000"])
)
def test_any_two_times_are_alike(one: datetime, other: datetime, form: str) -> None:
    texts = [f"due {moment.replace(year=2000 + moment.year % 100).strftime(form)}, too late" for moment in (one, other)]
    assert fingerprint(failed(texts[0])) == fingerprint(failed(texts[1]))


@settings(deadline=None)
@given(st.text(), st.text())
def test_any_message_and_url_have_a_fingerprint(message: str, url: str) -> None:
    assert len(fingerprint(failed(message, message, url))) == 14


@pytest.mark.parametrize(
    "piece",
    ["a", "1", "a1", ":", "1:", "a:", "a.", "1.", "/a", "@", "a@", "a@b.", "-", "'1", "a_", "A_1-", "=", "http", " 1"],
)
def test_a_long_message_of_a_stranger_is_read_in_linear_time(piece: str) -> None:
    # Not measured: where a repetition can be divided in two ways, this does not end.
    for message in (piece * 1_000_000, piece * 500 + "!", piece * 500 + "\n"):
        assert fingerprint(failed(message)) == fingerprint(failed(message, url="https://other.example/api/pay"))


def test_what_lies_far_behind_in_a_message_does_not_count() -> None:
    assert fingerprint(failed("a " * 10_000 + "b")) == fingerprint(failed("a " * 20_000 + "c"))
    assert fingerprint(failed("a " * 100 + "b")) != fingerprint(failed("a " * 100 + "c"))


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://app.example.com/api/pay?plan=pro#x", "/api/pay"),
        ("https://app.example.com", "https://app.example.com"),
        ("https://app.example.com/", "https://app.example.com/"),
        ("https://app.example.com?x=1", "https://app.example.com?x=1"),
        ("/api/pay", "/api/pay"),
        ("pay", "pay"),
        ("http://[", "http://["),
        ("", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_a_workflow_is_shown_by_its_path(url: Any, path: str) -> None:
    assert workflow_path(FailedRun({"workflowUrl": url})) == path


def test_runs_are_grouped_by_failure() -> None:
    runs = [
        failed("order 17", dlqId=f"{START + 1}-0", responseStatus=500),
        failed("order 18", dlqId=f"{START + 3}-0", responseStatus=502),
        failed("order 19", dlqId=f"{START + 2}-0", responseStatus=500),
        failed("card expired", dlqId=f"{START}-0", responseStatus=489),
    ]
    summary = summarize(runs)
    assert (summary.by, summary.total) == ("failure", 4)
    assert summary.groups == (
        Group(
            key=fingerprint(runs[0]),
            failure=Failure("Error", "order 18"),
            count=3,
            first=at(START + 1),
            last=at(START + 3),
            workflows=("/api/pay",),
            statuses=(500, 502),
            example=f"{START + 3}-0",
        ),
        Group(
            key=fingerprint(runs[3]),
            failure=Failure("Error", "card expired"),
            count=1,
            first=at(START),
            last=at(START),
            workflows=("/api/pay",),
            statuses=(489,),
            example=f"{START}-0",
        ),
    )
    assert (summary.first, summary.last) == (at(START), at(START + 3))


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC) + timedelta(milliseconds=milliseconds % 1000)


HOUR = 3_600_000


@pytest.mark.parametrize(
    ("by", "counts"),
    [
        ("workflow", {"/api/pay": 3, "/mail": 1}),
        ("label", {"a": 2, "b": 1, "": 2}),
        ("status", {"500": 2, "489": 1, "": 1}),
        ("hour", {"2025-07-18T09:00Z": 2, "2025-07-18T10:00Z": 1, "": 1}),
        ("day", {"2025-07-18": 3, "": 1}),
    ],
)
def test_runs_are_grouped_by(by: By, counts: dict[str, int]) -> None:
    runs = [
        failed("1", dlqId=f"{START}-0", labels=["a", "b", "a"], responseStatus=500),
        failed("2", dlqId=f"{START + HOUR - 1}-0", label="a", responseStatus=500),
        failed("3", createdAt=START + HOUR, url="https://x.example/mail", responseStatus=489),
        failed("4", dlqId="4", responseStatus=0),
    ]
    summary = summarize(runs, by=by)
    assert {group.key: group.count for group in summary.groups} == counts
    assert [group.count for group in summary.groups] == sorted(counts.values(), reverse=True)
    assert summary.total == 4


def test_groups_of_one_size_are_in_the_order_of_their_keys() -> None:
    runs = [FailedRun({"labels": [label]}) for label in "cab"]
    assert [group.key for group in summarize(runs, by="label").groups] == ["a", "b", "c"]


def test_an_unknown_way_to_group_is_refused_by_name() -> None:
    wrong: Any
    for wrong in ("", "Failure", "week", None, ["failure"]):
        with pytest.raises(ValueError, match="must be one of failure, workflow, label, status, hour, day"):
            summarize([], by=wrong)


def test_no_runs_make_an_empty_summary() -> None:
    assert summarize([]) == Summary("failure", 0, (), (), (), None, None)


def test_a_summary_cannot_be_changed_and_later_runs_do_not_change_it() -> None:
    summarizer = Summarizer(by="status")
    summarizer.add(failed("1", responseStatus=500))
    before = summarizer.summary()
    summarizer.add(failed("2", responseStatus=500))
    assert (before.total, before.groups[0].count) == (1, 1)
    assert (summarizer.summary().total, summarizer.summary().groups[0].count) == (2, 2)
    for change in (before, before.groups[0]):
        with pytest.raises((FrozenInstanceError, TypeError)):
            change.first = None  # type: ignore[misc]


MANY = [
    failed(f"order {number % 7}", f"E{number % 3}", dlqId=f"{START + number // 4 * 977_777}-{number % 12}")
    for number in range(400)
]


@pytest.mark.parametrize("by", get_args(By))
def test_the_order_in_which_runs_come_makes_no_difference(by: By) -> None:
    shuffled = random.Random(1).sample(MANY, len(MANY))
    assert summarize(shuffled, by=by) == summarize(MANY, by=by)


def test_the_example_is_the_newest_run_and_of_one_millisecond_the_last() -> None:
    runs = [failed(f"order {number}", dlqId=f"{START}-{number}") for number in (9, 10, 2)]
    [group] = summarize([*runs, failed("order 0", createdAt=START - 1, dlqId="zzz")]).groups
    assert (group.example, group.failure) == (f"{START}-10", Failure("Error", "order 10"))


def test_runs_without_a_time_are_counted_and_have_none() -> None:
    [group] = summarize([failed("order 1", dlqId="a"), failed("order 2")]).groups
    assert (group.count, group.first, group.last, group.example) == (2, None, None, "a")


def spans(summary: Summary) -> set[timedelta]:
    starts = [start for start, _ in summary.timeline]
    return {later - start for start, later in pairwise(starts)}


@pytest.mark.parametrize(
    ("minutes", "width"),
    [
        (2, timedelta(minutes=1)),
        (199, timedelta(minutes=1)),
        (201, timedelta(minutes=5)),
        (60 * 24, timedelta(minutes=15)),
        (60 * 24 * 7, timedelta(hours=1)),
        (60 * 24 * 30, timedelta(hours=6)),
        (60 * 24 * 90, timedelta(days=1)),
        (60 * 24 * 1000, timedelta(days=7)),
    ],
)
def test_the_timeline_is_as_fine_as_its_range_allows(minutes: int, width: timedelta) -> None:
    # Times of July 2025, 21st: a Monday, when all widths begin.
    moments = [1_753_056_000_000 + number * minutes * 60_000 // 9 for number in range(10)]
    summary = summarize(FailedRun({"dlqId": f"{moment}-0"}) for moment in moments)
    assert spans(summary) == {width}
    assert summary.timeline[0][0] == at(moments[0])
    assert sum(count for _, count in summary.timeline) == 10
    assert summary.timeline[-1][1] > 0
    assert len(summary.timeline) <= 200
    assert summary.entered == summary.timeline


@settings(deadline=None)
@given(st.lists(st.integers(-62_135_596_800_000, 253_402_300_799_999), min_size=1, max_size=60))
def test_a_timeline_is_bounded_without_gaps_and_loses_no_run(moments: list[int]) -> None:
    summary = summarize(FailedRun({"createdAt": moment}) for moment in moments)
    assert 0 < len(summary.timeline) <= 200
    assert len(spans(summary)) <= 1
    assert sum(count for _, count in summary.timeline) == len(moments)
    assert summary.first is not None
    assert summary.timeline[0][0] <= summary.first
    assert summary.timeline[0][1] > 0 < summary.timeline[-1][1]
    assert summary.entered == ()


def test_only_runs_whose_entry_is_known_are_in_the_timeline_of_entries() -> None:
    summary = summarize([FailedRun({"dlqId": f"{START}-0"}), FailedRun({"dlqId": "x", "createdAt": START})])
    assert summary.timeline == ((at(START), 2),)
    assert summary.entered == ((at(START), 1),)


def test_a_group_names_its_most_frequent_workflows_and_statuses() -> None:
    runs = [
        FailedRun({"labels": ["a"], "workflowUrl": f"/w/{number % 13}", "responseStatus": 400 + number % 13})
        for number in range(13 * 13 - 1)
    ]
    [group] = summarize(
        [*runs, FailedRun({"labels": ["a"], "workflowUrl": "/w/12", "responseStatus": 0})], by="label"
    ).groups
    assert group.workflows[0] == "/w/0"
    assert group.statuses == tuple(range(400, 410))
    assert (len(group.workflows), group.count) == (10, 169)


def test_memory_is_bounded_by_the_groups_and_not_by_the_runs() -> None:
    def endless() -> Iterator[FailedRun]:
        for number in range(20_000):
            yield FailedRun(
                {"labels": ["a"], "workflowUrl": f"/{number}", "responseStatus": number, "createdAt": number * 10**9}
            )

    summarizer = Summarizer(by="label")
    for run in endless():
        summarizer.add(run)
    [group] = summarizer._groups.values()
    assert len(group.workflows._counts) <= 100 >= len(group.statuses._counts)
    assert len(summarizer._timeline._counts) <= 200


def test_a_workflow_that_is_frequent_late_is_found() -> None:
    paths = [f"/rare/{number}" for number in range(1000)] + ["/often"] * 500
    summary = summarize((FailedRun({"labels": ["a"], "workflowUrl": path}) for path in paths), by="label")
    assert summary.groups[0].workflows[0] == "/often"
