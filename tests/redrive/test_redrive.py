"""Redrives as their users see them, over both clients: planning, running, pausing, going on."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redrives import opened, planned
from upstash_workflow_dlq import AuthenticationError, BadRequestError, FlowControl, ServerError
from upstash_workflow_dlq.emulator import Emulator, faults
from upstash_workflow_dlq.matching import matches
from upstash_workflow_dlq.redrive import (
    JournalError,
    RedriveError,
    RedrivePaused,
    RedriveRunning,
    State,
    _planning,
)
from upstash_workflow_dlq.redrive._journal import SCHEMA
from upstash_workflow_dlq.triage import fingerprint

Plan = Callable[..., Any]

# Fast, and without waiting for runs that fail again. Looks are made all the same, one after each wave.
FAST: dict[str, Any] = {"rate": 5000, "watch": timedelta(0)}


@pytest.fixture
def queue() -> Iterator[Emulator]:
    with Emulator(runs=60) as emulator:
        yield emulator


@pytest.fixture
def dlq(queue: Emulator, connect: Callable[..., Any]) -> Any:
    """A client of the emulated queue, sync or async, that leaves waiting to the redrive."""
    return connect(queue.token, base_url=queue.url, retry=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "billing.redrive"


@pytest.fixture
def plan(dlq: Any, path: Path) -> Iterator[Callable[..., Any]]:
    """Plans a redrive at `path`."""
    made: list[Any] = []

    def plan(action: str = "resume", **selection: Any) -> Any:
        made.append(planned(dlq, path, action, **(selection or {"all": True})))
        return made[-1]

    yield plan
    for redrive in made:
        redrive.close()


@pytest.fixture
def reopen(dlq: Any, path: Path) -> Iterator[Callable[[], Any]]:
    made: list[Any] = []

    def reopen() -> Any:
        made.append(opened(dlq, path))
        return made[-1]

    yield reopen
    for redrive in made:
        redrive.close()


def sent(queue: Emulator) -> Counter[str]:
    """What the service was asked to do, by kind, without reads."""
    return Counter(request.path.split("/")[4].split("?")[0] for request in queue.requests if request.method == "POST")


def states(redrive: Any) -> Counter[str]:
    return Counter(result.state for result in redrive.results())


def refail(queue: Emulator, *dlq_ids: str) -> None:
    """Put the runs that were started from these into the queue again."""
    for started in queue.started:
        if started.dlq_id in dlq_ids:
            queue.add({"workflowRunId": started.workflow_run_id, "createdAt": started.workflow_created_at})


class TestPlanning:
    def test_sends_only_reads(self, queue: Emulator, plan: Plan) -> None:
        assert plan().status().counts[State.PLANNED] == 60
        assert {request.method for request in queue.requests} == {"GET"}

    def test_keeps_the_payloads(self, queue: Emulator, plan: Plan) -> None:
        run = queue.runs[7]
        assert plan().failed_run(run["dlqId"]).to_dict() == run

    def test_selects_by_filters_as_bulk_calls_do(self, queue: Emulator, plan: Plan) -> None:
        redrive = plan(label="billing", response_status=500)
        wanted = {
            run["dlqId"]
            for run in queue.runs
            if "billing" in [run.get("label"), *run.get("labels", [])] and run.get("responseStatus") == 500
        }
        assert wanted
        assert {result.dlq_id for result in redrive.results()} == wanted

    def test_selects_by_fingerprint(self, dlq: Any, plan: Plan) -> None:
        by_fingerprint: dict[str, set[str]] = {}
        for run in dlq.list():
            by_fingerprint.setdefault(fingerprint(run), set()).add(run.dlq_id)
        wanted = max(by_fingerprint, key=lambda key: len(by_fingerprint[key]))
        assert {result.dlq_id for result in plan(fingerprint=wanted).results()} == by_fingerprint[wanted]

    @pytest.mark.parametrize(
        "filters",
        [
            {"failure": ["HTTP 502", "HTTP 504"]},
            {"contains": "SERVER error"},
            {"failure": "HTTP 500", "contains": "server", "label": "billing"},
        ],
        ids=str,
    )
    def test_selects_by_why_it_failed(self, dlq: Any, plan: Plan, filters: dict[str, Any]) -> None:
        wanted = {run.dlq_id for run in dlq.list() if matches(run, **filters)}
        assert 0 < len(wanted) < 60
        assert {result.dlq_id for result in plan(**filters).results()} == wanted

    @pytest.mark.parametrize("as_runs", [True, False], ids=["runs", "ids"])
    def test_takes_runs_and_ids(self, queue: Emulator, dlq: Any, plan: Plan, as_runs: bool) -> None:
        runs = list(dlq.list(limit=3))
        read = len(queue.requests)
        redrive = plan(dlq_ids=iter(runs) if as_runs else [run.dlq_id for run in runs])
        assert {result.dlq_id for result in redrive.results()} == {run.dlq_id for run in runs}
        assert len(queue.requests) - read == (0 if as_runs else 3)

    def test_reads_the_queue_once_where_there_are_many_ids(
        self, queue: Emulator, dlq: Any, plan: Plan, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("upstash_workflow_dlq.redrive._planning.MOST_SINGLE_LOOKUPS", 5)
        ids = [run["dlqId"] for run in queue.runs[:20]]
        redrive = plan(dlq_ids=[*ids, "1752829295505-99999"])
        assert states(redrive) == {State.PLANNED: 20, State.GONE: 1}
        assert not [request for request in queue.requests if request.path.split("?")[0].endswith(ids[0])]

    def test_says_which_ids_are_gone(self, queue: Emulator, plan: Plan) -> None:
        redrive = plan(dlq_ids=[queue.runs[0]["dlqId"], "1752829295505-99999"])
        (gone,) = [result for result in redrive.results() if result.state is State.GONE]
        assert (gone.dlq_id, gone.error) == ("1752829295505-99999", "not in the queue when it was planned")

    def test_replaces_no_file(self, queue: Emulator, plan: Plan, path: Path) -> None:
        path.write_text("mine")
        with pytest.raises(RedriveError, match="exists already"):
            plan()
        assert path.read_text() == "mine"
        assert not queue.requests

    def test_leaves_nothing_behind_when_it_fails(self, queue: Emulator, plan: Plan, path: Path) -> None:
        queue.fail(faults.status(500), times=100)
        with pytest.raises(ServerError):
            plan()
        assert list(path.parent.iterdir()) == []

    def test_leaves_nothing_behind_on_a_disk_that_is_full_from_the_beginning(
        self, queue: Emulator, plan: Plan, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # SQLite's own limit of a file: it answers as for a disk without space.
        monkeypatch.setattr(_planning, "SCHEMA", f"PRAGMA max_page_count = 3; {SCHEMA}")
        with pytest.raises(JournalError, match="cannot be written: database or disk is full"):
            plan()
        assert list(path.parent.iterdir()) == []
        assert not queue.requests

    def test_needs_a_run(self, plan: Plan, path: Path) -> None:
        with pytest.raises(RedriveError, match="no failed run matches; no journal was made"):
            plan(label="no-such-label")
        assert list(path.parent.iterdir()) == []

    @pytest.mark.parametrize(
        ("action", "selection", "complaint"),
        [
            ("resume", {"label": None}, "exactly one of dlq_ids=, filters, and all=True for the whole queue; got none"),
            ("resume", {"all": True, "label": "a"}, "got filters and all"),
            ("resume", {"dlq_ids": ["1"], "fingerprint": "1-0"}, "got dlq_ids and filters"),
            ("resume", {"labels": "a"}, "there is no filter 'labels'"),
            ("resume", {"all": True, "limit": 5}, "there is no filter 'limit'"),
            ("resume", {"label": ""}, "label"),
            ("resume", {"fingerprint": ""}, "fingerprint is empty"),
            ("resume", {"failure": []}, "failure is empty"),
            ("resume", {"contains": ["a"]}, "contains takes strings, not list"),
            ("resume", {"dlq_ids": [""]}, "the dlq_id is empty"),
            ("resume", {"dlq_ids": [17]}, "dlq_ids takes failed runs and their ids, not int"),
            ("resume", {"all": True, "overrides": {"retry": 0}}, "there is no override 'retry'"),
            ("resume", {"all": True, "retries": -1}, "retries"),
            ("resume", {"all": True, "retries": 1, "overrides": {"retries": 1}}, "retries is given twice"),
            ("delete", {"all": True, "retries": 1}, "a delete starts no run, and takes no overrides; got retries"),
            ("retry", {"all": True}, "action is 'retry'; it must be one of resume, restart, delete"),
        ],
    )
    def test_refuses_bad_arguments_and_sends_nothing(
        self, queue: Emulator, plan: Plan, path: Path, action: str, selection: dict[str, Any], complaint: str
    ) -> None:
        with pytest.raises((ValueError, TypeError), match=complaint):
            plan(action, **selection)
        assert not queue.requests
        assert list(path.parent.iterdir()) == []

    def test_leaves_out_what_has_no_id_that_can_be_sent(self, queue: Emulator, plan: Plan) -> None:
        queue.add({"dlqId": "a,b", "workflowUrl": "https://a.example"})
        assert (plan().status().left_out, len(queue.runs)) == (1, 61)


class TestRunning:
    def test_starts_each_run_once_the_oldest_first(self, queue: Emulator, dlq: Any, plan: Plan) -> None:
        entered = sorted(run["dlqId"].partition("-")[0] for run in queue.runs)
        waves = list(plan().run(dlq, workers=1, **FAST))
        assert [started.dlq_id.partition("-")[0] for started in queue.started] == entered
        assert len({started.dlq_id for started in queue.started}) == 60
        assert [(wave.size, wave.started) for wave in waves] == [(10, 10), (40, 40), (10, 10)]

    @pytest.mark.parametrize(("action", "state"), [("restart", State.STARTED), ("delete", State.DELETED)])
    def test_restarts_and_deletes(self, queue: Emulator, dlq: Any, plan: Plan, action: str, state: State) -> None:
        redrive = plan(action)
        list(redrive.run(dlq, **FAST))
        assert states(redrive) == {state: 60}
        assert not queue.runs
        assert sent(queue) == ({"restart": 60} if action == "restart" else {})

    def test_writes_down_which_run_became_which(self, queue: Emulator, dlq: Any, plan: Plan) -> None:
        redrive = plan()
        list(redrive.run(dlq, **FAST))
        assert {(result.dlq_id, result.workflow_run_id) for result in redrive.results()} == {
            (started.dlq_id, started.workflow_run_id) for started in queue.started
        }

    def test_sends_the_overrides_of_the_plan(self, queue: Emulator, dlq: Any, plan: Plan, reopen: Plan) -> None:
        overrides = {
            "delay": timedelta(seconds=90),
            "label": iter(["a", "b"]),
            "flow_control": FlowControl("k", rate=3, period=timedelta(minutes=1)),
        }
        plan(dlq_ids=[queue.runs[0]["dlqId"]], overrides=overrides, retries=0).close()
        list(reopen().run(dlq, **FAST))
        (request,) = [request for request in queue.requests if request.method == "POST"]
        headers = {name: value for name, value in request.headers.items() if name.startswith("upstash")}
        assert headers == {
            "upstash-retries": "0",
            "upstash-delay": "90s",
            "upstash-label": "a,b",
            "upstash-flow-control-key": "k",
            "upstash-flow-control-value": "rate=3, period=60s",
        }

    def test_a_wave_begins_when_it_is_asked_for(self, queue: Emulator, dlq: Any, plan: Plan) -> None:
        waves = plan().run(dlq, **FAST)
        next(waves)
        assert len(queue.started) == 10
        next(waves)
        assert len(queue.started) == 50

    def test_goes_on_where_it_was_left(self, queue: Emulator, dlq: Any, plan: Plan, reopen: Plan) -> None:
        redrive = plan()
        for _ in redrive.run(dlq, **FAST):
            break
        redrive.close()
        assert [wave.number for wave in reopen().run(dlq, **FAST)] == [2, 3]
        assert Counter(started.dlq_id for started in queue.started) == Counter(
            {result.dlq_id: 1 for result in reopen().results()}
        )

    def test_settings_stay_until_they_are_changed(self, dlq: Any, plan: Plan, reopen: Plan) -> None:
        redrive = plan()
        for _ in redrive.run(dlq, rate=77, canary=3, growth=2, watch=timedelta(0)):
            break
        redrive.set_rate(78)
        redrive.close()
        assert reopen().status().rate == 78
        assert [wave.size for wave in reopen().run(dlq, rate=5000)] == [6, 12, 24, 15]

    @pytest.mark.parametrize(
        ("settings", "complaint"),
        [
            ({"rate": 0}, "rate is 0; it must be runs a second: a number above 0 and up to 10,000"),
            ({"rate": float("nan")}, "rate is nan"),
            ({"rate": "5"}, "rate takes runs a second.*, not str"),
            ({"canary": 0}, "canary is 0; it must be a whole number of runs, at least 1"),
            ({"growth": 0.5}, "growth is 0.5; it must be a number from 1 to 1,000"),
            ({"watch": 120}, "watch takes a timedelta, not int"),
            ({"watch": timedelta(-1)}, "watch is -1 day"),
            ({"max_failures": 10}, "max_failures is 10; it must be a share from 0 to 1, such as 0.1 for 10 %"),
            ({"workers": 65}, "workers is 65; it must be a whole number from 1 to 64"),
            ({"waves": 3}, "there is no option 'waves'"),
        ],
    )
    def test_refuses_bad_settings_and_sends_nothing(
        self, queue: Emulator, dlq: Any, plan: Plan, settings: dict[str, Any], complaint: str
    ) -> None:
        redrive = plan()
        with pytest.raises((ValueError, TypeError), match=complaint):
            next(redrive.run(dlq, **settings))
        assert not sent(queue)

    def test_tells_progress(self, queue: Emulator, dlq: Any, plan: Plan) -> None:
        told: list[Any] = []
        redrive = plan()
        for wave in redrive.run(dlq, on_progress=told.append, **FAST):
            assert told[-1].running
            assert told[-1].wave.number == wave.number
        assert redrive.status().done == 60
        assert not redrive.status().running


class TestOutcomes:
    def test_a_run_that_is_gone_is_not_ours(self, queue: Emulator, dlq: Any, plan: Plan) -> None:
        redrive = plan()
        dlq.delete(queue.runs[-3]["dlqId"])
        list(redrive.run(dlq, **FAST))
        assert states(redrive) == {State.STARTED: 59, State.GONE: 1}

    def test_a_run_that_is_refused_says_why(self, queue: Emulator, dlq: Any, plan: Plan) -> None:
        queue.fail(faults.status(400), method="POST")
        redrive = plan()
        list(redrive.run(dlq, **FAST))
        assert states(redrive) == {State.STARTED: 59, State.REFUSED: 1}
        (refused,) = [result for result in redrive.results() if result.state is State.REFUSED]
        assert "HTTP 400" in refused.error

    def test_many_refused_runs_pause_it_within_the_wave(self, queue: Emulator, dlq: Any, plan: Plan) -> None:
        redrive = plan()
        waves = redrive.run(dlq, canary=60, workers=1, **FAST)
        queue.fail(faults.status(400), times=1000, method="POST")
        with pytest.raises(RedrivePaused, match=r"of the 7 runs of wave 1, 7 were refused; at most 10 % may"):
            next(waves)
        assert states(redrive) == {State.PLANNED: 53, State.REFUSED: 7}

    @pytest.mark.parametrize("fault", [faults.status(503), faults.reset(), faults.html()], ids=["503", "reset", "html"])
    def test_an_error_ends_it_and_what_was_not_done_is_planned_again(
        self, queue: Emulator, dlq: Any, plan: Plan, fault: Any
    ) -> None:
        queue.fail(fault, method="POST", after=5)
        redrive = plan()
        with pytest.raises(Exception, match=r"HTTP 50|no complete answer") as caught:
            list(redrive.run(dlq, workers=1, **FAST))
        assert not isinstance(caught.value, JournalError)
        counts = redrive.status().counts
        assert counts[State.STARTED] == len(queue.started) == 5
        assert counts[State.PLANNED] == 55
        list(redrive.run(dlq, **FAST))
        assert Counter(started.dlq_id for started in queue.started).most_common(1)[0][1] == 1
        assert len(queue.started) == 60

    def test_an_answer_that_is_lost_is_settled_by_asking(self, queue: Emulator, dlq: Any, plan: Plan) -> None:
        queue.fail(faults.reset_after_acting(), method="POST", after=5)
        redrive = plan()
        with pytest.raises(Exception, match="no complete answer"):
            list(redrive.run(dlq, workers=1, **FAST))
        assert redrive.status().counts[State.STARTED] == len(queue.started) == 6
        (lost,) = [result for result in redrive.results() if result.state == "started" and not result.workflow_run_id]
        assert lost.error == "the answer was lost; the run has left the queue, so it was done"
        assert redrive.status().wave.unidentified == 1

    def test_a_refused_token_ends_it(self, queue: Emulator, dlq: Any, plan: Plan) -> None:
        queue.fail(faults.status(401), method="POST")
        redrive = plan()
        with pytest.raises(AuthenticationError):
            list(redrive.run(dlq, workers=1, **FAST))
        assert states(redrive) == {State.PLANNED: 60}

    def test_a_rate_limit_slows_it_down(self, queue: Emulator, dlq: Any, plan: Plan) -> None:
        queue.fail(faults.burst_limit(), times=3, method="POST", after=5)
        redrive = plan()
        list(redrive.run(dlq, workers=1, **FAST))
        assert states(redrive) == {State.STARTED: 60}
        assert sent(queue)["resume"] == 63


class TestFailingAgain:
    def test_more_than_it_may_pauses_with_the_groups(self, queue: Emulator, dlq: Any, plan: Plan) -> None:
        redrive = plan()
        oldest = [run["dlqId"] for run in reversed(queue.runs)]

        def two_fail(status: Any) -> None:
            if status.done == 10 and len(queue.runs) == 50:
                refail(queue, *oldest[:2])

        waves = redrive.run(dlq, **{**FAST, "watch": timedelta(seconds=1)}, on_progress=two_fail)
        with pytest.raises(
            RedrivePaused, match=r"of the 10 runs of wave 1, 2 failed again; at most 10 % may"
        ) as caught:
            next(waves)
        assert caught.value.wave is not None
        assert caught.value.wave.failed_again == 2
        assert sum(group.count for group in caught.value.groups) == 2
        assert len(queue.started) == 10

    def test_paused_it_goes_on_only_with_force_and_then_with_a_canary(
        self, queue: Emulator, dlq: Any, plan: Plan
    ) -> None:
        queue.settings.refail, queue.settings.refail_after = 1.0, 0.0
        redrive = plan()
        with pytest.raises(RedrivePaused, match="10 failed again"):
            list(redrive.run(dlq, **FAST))
        asked = len(queue.requests)
        with pytest.raises(RedrivePaused, match="force=True goes on"):
            list(redrive.run(dlq, **FAST))
        assert len(queue.requests) == asked
        assert "10 failed again" in redrive.status().paused
        queue.settings.refail = 0.0
        assert [wave.size for wave in redrive.run(dlq, force=True, **FAST)] == [10, 40]
        assert redrive.status().paused is None

    def test_is_not_redriven_a_second_time_unless_asked(self, queue: Emulator, dlq: Any, plan: Plan) -> None:
        queue.settings.refail, queue.settings.refail_after = 1.0, 0.0
        redrive = plan()
        list(redrive.run(dlq, max_failures=1, **FAST))
        assert states(redrive) == {State.FAILED_AGAIN: 60}
        assert {result.failed_again_as for result in redrive.results()} == {run["dlqId"] for run in queue.runs}
        assert redrive.failed_again().total == 60
        list(redrive.run(dlq, **FAST))
        assert len(queue.started) == 60
        queue.settings.refail = 0.0
        list(redrive.run(dlq, again=True, **FAST))
        assert states(redrive) == {State.FAILED_AGAIN: 60, State.STARTED: 60}
        assert len(queue.started) == 120

    @pytest.mark.parametrize("date_field", ["dlqId", "createdAt", "workflowCreatedAt"])
    def test_is_found_whichever_date_the_service_filters_by(
        self, queue: Emulator, dlq: Any, plan: Plan, date_field: Any
    ) -> None:
        queue.settings.date_field = date_field
        queue.settings.refail, queue.settings.refail_after = 1.0, 0.0
        redrive = plan()
        with pytest.raises(RedrivePaused, match="10 failed again"):
            list(redrive.run(dlq, **FAST))


class TestBadFiles:
    @pytest.mark.parametrize("content", [b"", b"not a journal" * 100, None], ids=["empty", "text", "another database"])
    def test_what_is_no_journal_is_refused(
        self, queue: Emulator, dlq: Any, path: Path, reopen: Plan, content: bytes | None
    ) -> None:
        if content is None:
            with sqlite3.connect(path) as connection:
                connection.execute("CREATE TABLE mine (a)")
            connection.close()
        else:
            path.write_bytes(content)
        before = path.read_bytes()
        with pytest.raises(JournalError, match="is no journal of a redrive; plan one under another name"):
            list(reopen().run(dlq))
        assert (path.read_bytes(), [other.name for other in path.parent.iterdir()]) == (before, [path.name])
        assert not queue.requests

    def test_a_file_that_is_not_there(self, dlq: Any, path: Path, reopen: Plan) -> None:
        with pytest.raises(JournalError, match="cannot be read: No such file or directory"):
            list(reopen().run(dlq))
        assert list(path.parent.iterdir()) == []

    def test_a_newer_version_is_refused(self, queue: Emulator, dlq: Any, plan: Plan, path: Path, reopen: Plan) -> None:
        plan().close()
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 2")
        connection.close()
        with pytest.raises(JournalError, match="is a journal of version 2; this release reads up to 1: update it"):
            list(reopen().run(dlq))
        assert not sent(queue)

    @pytest.mark.parametrize(
        "damage",
        ["DELETE FROM about", "UPDATE about SET value = '{}' WHERE key = 'settings'", "UPDATE run SET state = 'mine'"],
    )
    def test_one_that_is_damaged_is_named(self, dlq: Any, plan: Plan, path: Path, reopen: Plan, damage: str) -> None:
        plan().close()
        with sqlite3.connect(path) as connection:
            connection.execute(damage)
        connection.close()
        with pytest.raises(JournalError, match=f"{path.name} is damaged, or was changed by hand"):
            list(reopen().results()) and reopen().status()

    def test_another_queue_is_refused(self, queue: Emulator, dlq: Any, plan: Plan, connect: Plan) -> None:
        redrive = plan()
        with Emulator(runs=60) as other:
            elsewhere = connect(other.token, base_url=other.url)
            with pytest.raises(
                RedriveError, match=f"is about the queue at {queue.url}, and the client is of {other.url}"
            ):
                list(redrive.run(elsewhere))
            assert not other.requests

    def test_another_account_is_noticed_before_anything_is_sent(
        self, queue: Emulator, dlq: Any, plan: Plan, connect: Plan
    ) -> None:
        redrive = plan()
        port = int(queue.url.rpartition(":")[2])
        queue.stop()
        with Emulator(port=port) as other:
            elsewhere = connect(other.token, base_url=other.url)
            with pytest.raises(RedriveError, match="none of the next 5 runs is in this queue, and nothing was sent"):
                list(redrive.run(elsewhere))
            assert {request.method for request in other.requests} == {"GET"}

    def test_one_that_may_only_be_read_can_be_looked_at(
        self, queue: Emulator, dlq: Any, plan: Plan, reopen: Plan, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        redrive = plan()
        list(redrive.run(dlq, **FAST))
        redrive.close()
        before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
        may = os.access
        monkeypatch.setattr(os, "access", lambda file, mode: mode != os.W_OK and may(file, mode))  # root may do all
        looking = reopen()
        assert looking.status().counts[State.STARTED] == len(list(looking.results())) == 60
        looking.close()
        assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before

    @pytest.mark.skipif(sys.platform != "linux", reason="takes no such names")
    def test_its_name_may_be_no_text(self, queue: Emulator, dlq: Any, tmp_path: Path) -> None:
        redrive = planned(dlq, Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.redrive")), "resume", all=True)
        assert not redrive.status().running
        list(redrive.run(dlq, **FAST))
        assert redrive.status().counts[State.STARTED] == len(queue.started) == 60
        redrive.close()

    @pytest.mark.skipif(sys.platform == "win32", reason="moves no file that is open")
    def test_one_that_is_moved_while_it_is_run_ends_it_and_moved_back_it_goes_on(
        self, queue: Emulator, dlq: Any, plan: Plan, path: Path, reopen: Plan
    ) -> None:
        redrive = plan()
        waves = iter(redrive.run(dlq, **FAST, canary=10))
        next(waves)
        path.rename(path.with_name("elsewhere"))
        with pytest.raises(
            JournalError, match="was moved, deleted or replaced while it was open; nothing more is sent"
        ):
            next(waves)
        assert len(queue.started) == 10
        redrive.close()
        path.with_name("elsewhere").rename(path)
        again = reopen()
        assert again.status().counts[State.STARTED] == 10
        list(again.run(dlq, **FAST))
        assert len(queue.started) == len({run.dlq_id for run in queue.started}) == 60
        assert states(again) == {State.STARTED: 60}
        assert all(result.workflow_run_id for result in again.results())

    @pytest.mark.skipif(sys.platform == "win32", reason="deletes no file that is open")
    def test_one_that_is_deleted_while_it_is_run_ends_it(
        self, queue: Emulator, dlq: Any, plan: Plan, path: Path
    ) -> None:
        redrive = plan()
        waves = iter(redrive.run(dlq, **FAST, canary=10))
        next(waves)
        path.unlink()
        with pytest.raises(JournalError, match="was moved, deleted or replaced"):
            next(waves)
        assert len(queue.started) == 10

    def test_the_token_is_not_in_it(self, queue: Emulator, dlq: Any, plan: Plan, path: Path) -> None:
        list(plan().run(dlq, **FAST))
        for file in path.parent.iterdir():
            assert queue.token.encode() not in file.read_bytes()

    def test_a_second_operator_is_refused(self, queue: Emulator, dlq: Any, plan: Plan, reopen: Plan) -> None:
        waves = plan().run(dlq, **FAST)
        next(waves)
        with pytest.raises(RedriveRunning, match="is being run already"):
            list(reopen().run(dlq, **FAST))
        assert reopen().status().running
        assert len(list(waves)) == 2
        assert len(queue.started) == 60


def test_an_error_of_the_service_is_told_as_it_is(queue: Emulator, dlq: Any, plan: Plan) -> None:
    redrive = plan()
    queue.fail(faults.status(400), method="GET")
    with pytest.raises(BadRequestError):
        list(redrive.run(dlq, **FAST))
