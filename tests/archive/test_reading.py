"""What an archive answers: the same as the client, and as triage, of the same runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import hostile_runs as hostile
import pytest
from filter_cases import OF_THE_SERVICE, OF_THIS_SIDE, REFUSED, RUNS, number_of
from upstash_workflow_dlq import DLQClient, FailedRun
from upstash_workflow_dlq.archive import Archive, ArchiveError, NotArchivedError
from upstash_workflow_dlq.emulator import Emulator, failed_runs
from upstash_workflow_dlq.matching import Matcher
from upstash_workflow_dlq.triage import By, Summary, fingerprint, summarize

SAMPLES = [*map(FailedRun, failed_runs(700)), *hostile.RUNS]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Archive(tmp_path_factory.mktemp("archive") / "failed.db") as archive:
        assert sum(1 for _ in archive.keep(SAMPLES, origin="a")) == len(SAMPLES)
        yield archive


@pytest.mark.parametrize(("filters", "expected"), [*OF_THE_SERVICE, *OF_THIS_SIDE], ids=str)
def test_filters_select_what_they_select_elsewhere(
    archive: Archive, filters: dict[str, Any], expected: set[int]
) -> None:
    list(archive.keep(map(FailedRun, RUNS), origin="a"))
    assert {number_of(run) for run in archive.runs(**filters)} == expected
    assert archive.count(**filters) == archive.summarize(**filters).total == len(expected)


@pytest.mark.parametrize(
    ("filters", "kind", "message"),
    [
        *REFUSED,
        ({"gone": "yes"}, TypeError, "gone takes True or False, not str"),
    ],
    ids=str,
)
def test_filters_are_checked(full: Archive, filters: dict[str, Any], kind: type[Exception], message: str) -> None:
    for ask in (full.count, full.summarize, lambda **given: list(full.runs(**given))):
        with pytest.raises(kind, match=f"^{message}"):
            ask(**filters)


SOME: list[dict[str, Any]] = [
    {},
    {"label": "billing"},
    {"response_status": [500, 502]},
    {"contains": "ER"},
    {"contains": hostile.LONG},
    {"failure": "WorkflowNonRetryableError"},
    {"fingerprint": fingerprint(SAMPLES[3])},
    {"from_date": SAMPLES[300].entered_at, "to_date": SAMPLES[30].entered_at},
    {"label": "nothing"},
]


@pytest.mark.parametrize("by", get_args(By))
@pytest.mark.parametrize("filters", SOME, ids=lambda filters: ",".join(filters) or "all")
def test_a_summary_is_that_of_triage_to_the_run(full: Archive, by: By, filters: dict[str, Any]) -> None:
    expected = stored(summarize(filter(Matcher(filters).matches, full.runs()), by=by))
    assert full.summarize(by=by, **filters) == expected
    assert expected.total == full.count(**filters)
    assert (expected.total > 0) == (filters.get("label") != "nothing")


def test_the_runs_of_a_summary_are_those_that_were_archived(full: Archive) -> None:
    assert sorted(run.to_json() for run in full.runs()) == sorted(run.to_json() for run in SAMPLES)
    assert full.summarize() == stored(summarize(SAMPLES))


def stored(summary: Summary) -> Summary:
    """In texts that SQLite takes: NUL is written out."""
    groups = [
        replace(group, key=storable(group.key), workflows=tuple(map(storable, group.workflows)))
        for group in summary.groups
    ]
    return replace(summary, groups=tuple(groups))


def storable(text: str) -> str:
    return text.replace("\0", "\\x00")


def test_groups_are_by_something_known(full: Archive) -> None:
    with pytest.raises(ValueError, match="by is 'colour'; it must be one of failure"):
        full.summarize(by="colour")  # type: ignore[arg-type]


def test_runs_come_as_the_service_lists_them(dlq: DLQClient, archive: Archive) -> None:
    archive.sync(dlq)
    assert [run.dlq_id for run in archive.runs()] == [run.dlq_id for run in dlq.list()]


def test_reading_goes_on_while_it_is_written(queue: Emulator, dlq: DLQClient, archive: Archive) -> None:
    archive.sync(dlq)
    reading = archive.runs()
    first = next(reading)
    queue.add({"dlqId": "1890000000000-0"})
    assert archive.sync(dlq).new == 1
    assert len([first, *reading]) == 250, "those that were there when it began"
    assert archive.count() == 251


def test_one_run_is_found_by_its_id(full: Archive) -> None:
    for run in SAMPLES[:5]:
        assert full.get(str(run.dlq_id)) == run
    with pytest.raises(NotArchivedError, match="has no failed run '1-0'"):
        full.get("1-0")
    with pytest.raises(NotArchivedError):
        full.get(str(SAMPLES[0].dlq_id), origin="b")


def test_an_id_of_two_queues_needs_the_name_of_one(archive: Archive) -> None:
    for origin in ("a", "b"):
        list(archive.keep([FailedRun({"dlqId": "1-0", "label": origin})], origin=origin))
    with pytest.raises(ArchiveError, match="of each of 'a', 'b': name one as origin"):
        archive.get("1-0")
    assert archive.get("1-0", origin="b").labels == ("b",)


def test_the_stats_say_how_much_and_of_when(dlq: DLQClient, archive: Archive) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    archive.sync(dlq)
    runs = list(dlq.list())
    stats = archive.stats()
    assert (stats.runs, stats.gone) == (250, 0)
    assert (stats.last, stats.first) == (runs[0].entered_at, runs[-1].entered_at)
    assert stats.synced_at is not None
    assert stats.synced_at >= before
    assert stats.size == sum(len(run.to_json()) for run in runs)
    assert sorted(archive.entered_times()) == sorted(filter(None, (run.entered_at for run in runs)))


def test_a_closed_archive_says_so(archive: Archive, dlq: DLQClient) -> None:
    archive.close()
    archive.close()
    for use in (archive.count, lambda: list(archive.runs()), lambda: archive.sync(dlq)):
        with pytest.raises(ArchiveError, match=r"is closed: open it again with Archive\(path\)"):
            use()
