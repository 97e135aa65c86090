"""The report: the numbers of `summary`, nothing that a payload could do, and a size that stays in bounds."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hostile import HOSTILE, hostile_runs
from report_page import ReportPage
from upstash_workflow_dlq import FailedRun
from upstash_workflow_dlq.emulator import failed_runs
from upstash_workflow_dlq.report import _page, render
from upstash_workflow_dlq.triage import By, summarize

NOW = datetime(2025, 7, 18, 12, tzinfo=UTC)


def report(runs: list[dict[str, Any]], **options: Any) -> ReportPage:
    return ReportPage(render(map(FailedRun, runs), generated_at=NOW, **options))


class TestNumbers:
    def test_they_are_those_of_a_summary(self) -> None:
        runs = failed_runs(60)
        page = report(runs)
        by: By
        for by in ("failure", "workflow", "label"):
            expected = {group.key: group.count for group in summarize(map(FailedRun, runs), by=by).groups}
            assert page.groups(by) == expected

    def test_all_runs_are_counted_and_the_newest_are_listed(self) -> None:
        runs = failed_runs(60)
        page = report(runs[::-1], rows=20)
        assert page.figure("total") == 60
        assert sum(page.groups("failure").values()) == 60
        moments = [row["at"] for row in page.rows]
        assert moments == sorted(moments, reverse=True)
        assert [row["id"] for row in page.rows] == [run["dlqId"] for run in runs[:20]]
        assert len(page.details) == 20
        assert "The newest 20 of 60 are listed." in page.source
        assert len(report(runs, rows=None).rows) == 60
        assert report(runs, rows=0).rows == []

    def test_groups_that_are_not_listed_are_counted(self) -> None:
        page = report([{"dlqId": f"1752829295505-{n}", "labels": [f"label-{n}"]} for n in range(203)])
        assert len(page.groups("label")) == 200
        assert "And 3 smaller groups" in page.source

    @pytest.mark.parametrize(
        ("retention", "expiring", "words"),
        [(None, 2, "may expire"), (timedelta(days=3), 2, "expire"), (timedelta(days=90), 0, "expire")],
    )
    def test_what_expires_first_is_named_as_far_as_the_retention_is_known(
        self, retention: timedelta | None, expiring: int, words: str
    ) -> None:
        ages = [timedelta(days=2, hours=2), timedelta(days=2, hours=1), timedelta(hours=1)]
        runs = [{"dlqId": f"{(NOW - age).timestamp() * 1000:.0f}-0"} for age in ages]
        page = report(runs, retention=retention)
        assert page.figure("expiring") == expiring
        assert f"{expiring} of 3 {words} within a day." in page.source
        [soonest] = re.findall(r'<section class="card" id="soonest">.*?</section>', page.source, re.S)
        assert re.findall(r'class="id">([^<]*)<', soonest) == [run["dlqId"] for run in runs]
        ends = [NOW - age + (retention or timedelta(days=3)) for age in ages]
        assert [row["ends"] for row in reversed(page.rows)] == [round(end.timestamp() * 1000) for end in ends]

    def test_no_runs_are_a_page_too(self) -> None:
        page = report([])
        assert (page.figure("total"), page.rows, page.timeline) == (0, [], [])

    def test_runs_that_cannot_be_read_are_counted_and_listed(self) -> None:
        broken = [
            {"dlqId": 5, "labels": 3, "createdAt": "x", "responseStatus": [], "responseBody": 7, "body": {}, "url": 1},
            {"dlqId": "1752829295505-0", "failureCallbackInfo": {"state": 5, "responseBody": 5}, "header": 3},
            {"dlqId": "4102444799999-0", "createdAt": 10**30, "workflowUrl": "http://[", "bodyBase64": "?"},
            {},
        ]
        page = report(broken)
        assert page.figure("total") == len(page.rows) == len(page.details) == 4
        assert page.details[1]["facts"]["failure function"] == "(unreadable)"

    def test_bars_are_as_long_as_triage_makes_them(self) -> None:
        for span, said in (
            (timedelta(), "A bar is 1 minute."),
            (timedelta(hours=12), "A bar is 5 minutes."),
            (timedelta(days=20), "A bar is 3 hours."),
            (timedelta(days=150), "A bar is 1 day."),
            (timedelta(days=2000), "A bar is 2 weeks."),
        ):
            runs = [{"dlqId": f"{(NOW - age).timestamp() * 1000:.0f}-0"} for age in {timedelta(), span}]
            page = report(runs)
            assert said in page.source
            assert sum(count for _, count in page.timeline) == len(runs)
            assert len(summarize(map(FailedRun, runs)).timeline) <= 200


class TestStrangers:
    def test_text_of_strangers_makes_no_element_and_no_attribute(self) -> None:
        plain, page = report(failed_runs(3)), report(hostile_runs(), title=HOSTILE)
        assert {name for name, _ in page.elements} <= {name for name, _ in plain.elements} | {"p"}
        assert {key for _, attributes in page.elements for key in attributes} <= {
            *(key for _, attributes in plain.elements for key in attributes)
        }
        scripts = [attributes for name, attributes in page.elements if name == "script"]
        assert [attributes.get("id") for attributes in scripts] == ["rows", None, "part-0"]

    def test_it_is_there_for_a_reader_and_what_is_hidden_is_written_out(self) -> None:
        page = report(hostile_runs())
        assert "<img src=x onerror=alert(1)>" in page.rows[0]["failure"]
        assert "</script><script>alert(1)</script>" in page.details[0]["texts"]["Message"][0]
        for text in (page.rows[0]["failure"], page.details[0]["texts"]["Message"][0], page.rows[0]["labels"][0]):
            assert "\\u202e" in text
            assert "\\x1b" in text
            assert not re.search("[\x00\x1b\u202e\u2066]", text)
        page.source.encode()

    def test_the_page_allows_its_own_script_and_style_and_nothing_else(self) -> None:
        page = report(failed_runs(3))
        [policy] = [
            str(attributes["content"])
            for name, attributes in page.elements
            if attributes.get("http-equiv") == "Content-Security-Policy"
        ]
        script, style = (
            base64.b64encode(hashlib.sha256(page.texts[name].encode()).digest()).decode()
            for name in ("script", "style")
        )
        assert policy == (
            f"default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; "
            "base-uri 'none'; form-action 'none'"
        )
        for name, attributes in page.elements:
            assert not attributes.keys() & {"src", "href", "style", "action", "srcset"}, name
            assert not [key for key in attributes if key.startswith("on")]
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(", page.texts["script"]
        )


class TestDetails:
    def test_they_have_what_a_person_asks_for(self) -> None:
        page = report(failed_runs(60))
        [number] = [n for n, row in enumerate(page.rows) if row["id"] == "1752828563623-0"]
        texts, facts = page.details[number]["texts"], page.details[number]["facts"]
        assert texts["Message"] == ("connection to db-4 lost while reading orders", "")
        assert texts["Stack"][0].startswith("Error: connection to db-4")
        assert texts["Steps done"][0].splitlines()[0] == '  1  load (Run)  {"found": true, "rows": 3}'
        assert json.loads(texts["Input of the run"][0])["audience"] == "weekly"
        assert json.loads(texts["Response body"][0])["error"] == "Error"
        assert facts["workflow run id"] == "wfr_iMLLEZpV3yrrN90o79dVQ"
        assert facts["entered at"] == "2025-07-18 08:49:23.623 UTC"

    def test_long_texts_are_cut_and_that_is_said(self) -> None:
        error = {"error": "E" * 900, "message": "m" * 5000, "stack": "s" * 9000}
        [run] = report([{"dlqId": "1", "responseBody": json.dumps(error), "body": "b" * 100_000}]).details
        assert run["texts"]["Message"] == ("m" * 2000, "the first 2,000 of 5,000 characters")
        assert run["texts"]["Stack"] == ("s" * 4000, "the first 4,000 of 9,000 characters")
        assert run["texts"]["Input of the run"] == ("b" * 2000, "the first 2,000 of 100,000 characters")

    def test_bodies_that_are_no_text_or_redacted_are_named(self) -> None:
        payload = {"dlqId": "1", "body": f"REDACTED:{'a' * 64}"}
        payload["responseBodyBase64"] = base64.b64encode(b"\xff\xfe").decode()
        [run] = report([payload]).details
        assert run["texts"]["Response body"] == ("", "2 bytes, not text")
        assert run["texts"]["Request body"] == ("", f"redacted by the service; SHA-256 {'a' * 64}")

    def test_bodies_can_be_left_out(self) -> None:
        runs = failed_runs(60)
        page = report(runs, bodies=False)
        assert "audience" in report(runs).source
        assert "audience" not in page.source
        assert all(run["texts"]["Bodies"] == ("", "left out of this page") for run in page.details)

    def test_the_page_does_not_grow_without_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_page, "BUDGET", 300_000)
        runs = [{"dlqId": f"1752829295505-{number}", "body": "b" * 3000} for number in range(500)]
        page = report(runs)
        left_out = ["Bodies" in run["texts"] for run in page.details]
        assert left_out == [False] * 200 + [True] * 300, "by whole parts, the newest first"
        assert len(page.rows) == 500


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"generated_at": datetime(2025, 7, 18)}, "no time zone"),
        ({"retention": timedelta()}, "longer than nothing"),
        ({"rows": -1}, "at least 0, or None for all"),
    ],
)
def test_bad_arguments_are_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        render([], **options)
