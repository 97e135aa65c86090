"""Reports in a real browser: what they look like, what can be done with them, and what a payload cannot do.

Run by `nox -s browser`. After each test, the page has asked for nothing, and the console is empty.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hostile import HOSTILE, hostile_runs
from in_browser import DESKTOP, PHONE, Open
from upstash_workflow_dlq import FailedRun
from upstash_workflow_dlq.emulator import failed_runs
from upstash_workflow_dlq.report import render

NEWEST = datetime(2026, 11, 26, 3, tzinfo=UTC)
NOW = NEWEST + timedelta(hours=4)


@cache
def runs(count: int) -> tuple[FailedRun, ...]:
    return tuple(map(FailedRun, failed_runs(count, newest=int(NEWEST.timestamp() * 1000))))


@cache
def report(count: int = 500) -> str:
    return render(runs(count), title="Failed runs of the night", retention=timedelta(days=3), generated_at=NOW)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_fits_the_screen(show: Open, request: pytest.FixtureRequest, size: dict[str, int], scheme: str) -> None:
    opened = show(report(), viewport=size, color_scheme=scheme)
    name = f"{'phone' if size is PHONE else 'desktop'}-{scheme}"
    folder = Path(request.config.getoption("--pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    opened.page.screenshot(path=folder / f"{name}.png")
    opened.page.locator(".open").nth(2).click()
    opened.page.screenshot(path=folder / f"{name}-whole.png", full_page=True)
    # A page that is wider than the screen scrolls sideways.
    assert opened.page.evaluate("document.documentElement.scrollWidth") == size["width"]
    dark = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(18, 22, 28)") == (scheme == "dark")


def test_the_policy_lets_its_own_style_and_bars_through(show: Open) -> None:
    opened = show(report())
    bars = opened.page.locator("#by-failure > .group .track rect:not(.rest)")
    widths = bars.evaluate_all("bars => bars.map(bar => bar.getBoundingClientRect().width)")
    assert len(widths) == 8
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > widths[-1] + 100 > 200


class TestTable:
    def test_it_lists_the_newest_first_and_more_when_asked(self, show: Open) -> None:
        opened = show(report())
        assert opened.found == "500 runs"
        moments = opened.cells("at")
        assert len(moments) == 100
        assert moments == sorted(moments, reverse=True)
        assert moments[0] == "2026-11-26 03:00:00"
        opened.page.locator("#next").click()
        assert len(opened.cells("at")) == 200

    def test_search_finds_all_words_in_any_column(self, show: Open) -> None:
        opened = show(report())
        opened.search("WEEKLY-digest 502")
        expected = [run for run in runs(500) if "weekly-digest" in str(run.workflow_url) and run.response_status == 502]
        assert opened.found == f"{len(expected)} of 500 runs"
        assert set(opened.cells("workflow")) == {"/workflows/weekly-digest"}
        assert set(opened.cells("failure")) == {"HTTP 502: Bad Gateway"}
        opened.search(str(runs(500)[77].dlq_id))
        assert opened.found == "1 of 500 runs"
        opened.search("nothing has this")
        assert (opened.found, opened.cells("at")) == ("0 of 500 runs", [])
        opened.search("")
        assert opened.found == "500 runs"

    def test_each_column_sorts_both_ways(self, show: Open) -> None:
        opened = show(report())
        for column in ("workflow", "failure", "status"):
            button = opened.page.locator(f"th.{column} button")
            for direction in ("ascending", "descending"):
                button.click()
                assert opened.page.locator(f"th.{column}").get_attribute("aria-sort") == direction
                found = [text for text in opened.cells(column) if text]
                values: list[Any] = [*map(int, found)] if column == "status" else found
                assert values == sorted(values, reverse=direction == "descending")
                assert len(values) == 100
                assert len(set(values)) >= 1
        opened.page.locator("th.at button").click()
        assert opened.cells("at")[0] == "2026-11-26 03:00:00"
        opened.page.locator("th.at button").click()
        assert opened.cells("at") == sorted(opened.cells("at"))

    def test_a_group_shows_its_runs(self, show: Open) -> None:
        opened = show(report())
        for by in ("failure", "workflow", "label"):
            group = opened.page.locator(f"#by-{by} .group").nth(1)
            count = int(group.locator(".count b").inner_text())
            group.locator("button").click()
            assert opened.found == f"{count} of 500 runs"
            opened.page.locator("#chip").click()
            assert opened.found == "500 runs"

    def test_details_open_and_close_by_the_keyboard(self, show: Open) -> None:
        opened = show(report())
        opened.search(" ".join(["onboarding", "connection"]))
        button = opened.page.locator(".open").first
        button.focus()
        opened.page.keyboard.press("Enter")
        details = opened.page.locator(".more")
        assert details.locator("h3").all_inner_texts()[:2] == ["Message", "Stack"]
        assert "at query (/app/lib/db.ts" in details.locator("pre").nth(1).inner_text()
        assert "/api/onboarding" in details.locator(".facts").inner_text()
        assert button.get_attribute("aria-expanded") == "true"
        opened.page.keyboard.press("Enter")
        assert details.count() == 0

    def test_details_belong_to_their_run_whatever_is_sorted(self, show: Open) -> None:
        opened = show(report())
        opened.page.locator("th.workflow button").click()
        opened.page.locator("#next").click()
        opened.page.locator(".open").nth(150).click()
        row = opened.page.locator(".runs tbody tr:not(.more)").nth(150)
        entered = row.locator(".at").inner_text()
        facts = opened.page.locator(".more .facts").inner_text()
        assert f"entered at\n{entered}." in facts


class TestStrangers:
    def test_a_payload_full_of_markup_does_nothing(self, show: Open) -> None:
        opened = show(render(map(FailedRun, hostile_runs()), title=HOSTILE, generated_at=NOW))
        opened.page.locator(".open").first.click()
        opened.page.locator(".open").nth(1).click()
        for by, found in (("failure", "1 of 2 runs"), ("workflow", "2 runs"), ("label", "2 runs")):
            for button in opened.page.locator(f"#by-{by} .group button").all():
                button.click()
                assert opened.found == found
        opened.page.locator("#chip").click()
        opened.search("<img src=x onerror=alert(1)>")
        assert opened.found == "2 runs"
        opened.page.locator(".open").first.click()
        opened.page.mouse.move(600, 300)
        opened.page.wait_for_timeout(200)
        assert opened.page.locator("img, iframe, base, link, [onload], [onerror]").count() == 0
        assert opened.page.locator("script:not([type])").count() == 1
        assert "<img src=x onerror=alert(1)>" in opened.page.locator(".more pre").first.inner_text()

    def test_not_even_markup_that_got_in_would_run(self, show: Open, tmp_path: Path) -> None:
        """The second line of defence: as if escaping had failed."""
        inside = "<img src=x onerror=alert(1)><script>alert(2)</script><p style='color:red' onclick=alert(3)>x</p><h1>"
        opened = show(render(runs(3), generated_at=NOW).replace("<h1>", inside, 1))
        opened.page.locator("p", has_text="x").first.click()
        opened.page.wait_for_timeout(200)
        refused = [event for event in opened.events if event.startswith("console:")]
        assert len(refused) >= 4
        assert all("Content Security Policy" in event for event in refused), refused
        [(url, reason)] = opened.refused
        assert (url.endswith("/x"), reason) == (True, "csp")
        opened.events[:] = [event for event in opened.events if event not in [*refused, f"request: {url}"]]


# What a person waits for, seen from inside: the rows are drawn, and a search that is typed then has its answer.
MEASURE = """
const timed = (what) => { const start = performance.now(); what(); return performance.now() - start; };
const look = () => {
  if (document.querySelectorAll(".runs tbody tr").length < 100) { requestAnimationFrame(look); return; }
  const search = document.getElementById("search");
  const type = (text) => {
    search.value = text; search.dispatchEvent(new Event("input")); document.body.getBoundingClientRect();
  };
  const first = timed(() => type("billing 500"));
  const usable = performance.now();
  const found = document.getElementById("found").textContent;
  const rows = document.querySelectorAll(".runs tbody tr").length;
  addEventListener("load", () => {
    const loaded = performance.now();
    const search = timed(() => type("billing 50"));
    const sort = timed(() => {
      document.querySelector("th.failure button").click(); document.body.getBoundingClientRect();
    });
    const details = timed(() => { document.querySelector(".open").click(); document.body.getBoundingClientRect(); });
    const times = { usable, "of that the first search": first, loaded, search, sort, details };
    window.measured = { found, rows, times };
  });
};
requestAnimationFrame(look);
"""


def test_ten_thousand_runs_are_drawn_in_part_and_searched_whole(show: Open, capsys: pytest.CaptureFixture[str]) -> None:
    page = report(10_000)
    opened = show(page, MEASURE)
    opened.page.wait_for_function("window.measured")
    measured = opened.page.evaluate("window.measured")
    expected = [run for run in runs(10_000) if "billing" in run.labels and run.response_status == 500]
    assert measured["rows"] == 100
    assert measured["found"].endswith(" of 10,000 runs")
    assert int(measured["found"].split()[0].replace(",", "")) >= len(expected) > 100, "the search looks at ids, too"
    assert len(page.encode()) < 30_000_000
    times = {name: f"{milliseconds:.0f} ms" for name, milliseconds in measured["times"].items()}
    with capsys.disabled():
        print(f"\n10,000 runs, {len(page.encode()) / 1e6:.1f} MB, measured in the page:", json.dumps(times))
