"""Resumed and restarted runs that fail again: `refail` and `refail_after`."""

import math
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from upstash_workflow_dlq.emulator import Emulator, Settings, failed_runs, faults

START = 1_800_000_000_000
KINDS = pytest.mark.parametrize("kind", ["resume", "restart"])
TARGETS = pytest.mark.parametrize("target", ["/1-0", "?dlqIds=1-0", ""])


class Clock:
    """The time that the emulator sees, in Unix milliseconds. It stands still between two changes."""

    def __init__(self) -> None:
        self.now = START


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "time_ns", lambda: clock.now * 1_000_000)
    return clock


@contextmanager
def client(emulator: Emulator) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {emulator.token}"}
    with emulator, httpx.Client(base_url=f"{emulator.url}/v2/workflows", headers=headers, trust_env=False) as http:
        yield http


def fail_again(clock: Clock, payload: dict[str, Any], **headers: str) -> dict[str, Any]:
    """How a run that is resumed with these headers and fails again is delivered."""
    emulator = Emulator([payload], refail=1)
    with client(emulator) as http:
        http.post("/dlq/resume", headers={f"Upstash-{name.replace('_', '-')}": headers[name] for name in headers})
        clock.now += 3_600_000
        (run,) = http.get("/dlq").json()["messages"]
    assert isinstance(run, dict)
    return run


@KINDS
@TARGETS
def test_a_run_fails_again_when_its_time_has_come(clock: Clock, kind: str, target: str) -> None:
    emulator = Emulator([{"dlqId": "1-0", "url": "https://my.app/a"}], refail=1, refail_after=5)
    with client(emulator) as http:
        answer = http.post(f"/dlq/{kind}{target}").raise_for_status().json()
        (started,) = answer.get("workflowRuns", [answer])
        clock.now = START + 4_999
        assert http.get("/dlq").json()["messages"] == []
        clock.now = START + 5_000
        (run,) = http.get("/dlq").json()["messages"]
        assert run == {
            "dlqId": f"{START + 5_000}-0",
            "url": "https://my.app/a",
            "createdAt": START + 2_500,
            **started,
        }
        assert started["workflowCreatedAt"] == START
        assert http.get(f"/dlq/{run['dlqId']}").json() == run
        assert http.get("/dlq/1-0").status_code == 404


def test_the_clock_of_the_machine_says_when(http: httpx.Client, dlq_emulator: Emulator) -> None:
    dlq_emulator.settings.refail, dlq_emulator.settings.refail_after = 1, 0.05
    dlq_emulator.add({"dlqId": "1-0"})
    created = http.post("/dlq/resume/1-0").json()["workflowCreatedAt"]
    while time.time() * 1000 < created + 50:
        time.sleep(0.005)
    assert [run["dlqId"] for run in http.get("/dlq").json()["messages"]] == [f"{created + 50}-0"]


def test_it_enters_when_it_was_due_and_not_when_somebody_looked(clock: Clock) -> None:
    emulator = Emulator([{"dlqId": "1-0"}], refail=1, refail_after=5)
    with client(emulator) as http:
        http.post("/dlq/resume/1-0")
    clock.now += 3_600_000
    emulator.add({"label": "later"})
    assert [run["dlqId"] for run in emulator.runs] == [f"{clock.now}-0", f"{START + 5_000}-0"]


def find(http: httpx.Client, emulator: Emulator, how: str, dlq_id: str) -> None:
    """Fails if the run is not in the queue yet."""
    match how:
        case "runs":
            assert [run["dlqId"] for run in emulator.runs] == [dlq_id]
        case "update":
            emulator.update(dlq_id, label="a")
        case "add":
            with pytest.raises(ValueError, match="already holds"):
                emulator.add({"dlqId": dlq_id})
        case _:
            method, path = how.split()
            answer = http.request(method, path.format(dlq_id)).raise_for_status()
            assert answer.text not in ('{"messages":[]}', '{"deleted":0}', '{"workflowRuns":[]}')


@pytest.mark.parametrize(
    "how",
    [
        *("runs", "update", "add", "GET /dlq", "GET /dlq?dlqIds={}", "GET /dlq/{}", "DELETE /dlq/{}"),
        *("DELETE /dlq?dlqIds={}", "DELETE /dlq", "POST /dlq/resume/{}", "POST /dlq/restart?dlqIds={}"),
    ],
)
def test_whatever_looks_first_finds_it(clock: Clock, how: str) -> None:
    emulator = Emulator([{"dlqId": "1-0"}], refail=1, refail_after=1)
    with client(emulator) as http:
        http.post("/dlq/resume/1-0")
        clock.now += 1_000
        emulator.settings.refail = 0
        find(http, emulator, how, f"{clock.now}-0")
        assert len(emulator.runs) == (0 if how.startswith(("DELETE", "POST")) else 1)


@pytest.mark.parametrize("run", failed_runs(40), ids=lambda run: run["dlqId"])
def test_everything_else_is_as_before(clock: Clock, run: dict[str, Any]) -> None:
    again = fail_again(clock, run)
    new = {"dlqId", "messageId", "notBefore", "createdAt", "workflowRunId", "workflowCreatedAt"}
    assert all(again[name] != run[name] for name in new)
    same = run.keys() - {*new, "header", "failureCallbackInfo", "failureFunctionState"}
    assert again.keys() == run.keys()
    assert {name: again[name] for name in same} == {name: run[name] for name in same}
    assert again["header"].keys() == run["header"].keys()
    ids = again["header"].get("Upstash-Workflow-Runid", [again["workflowRunId"]])
    assert ids == [again["workflowRunId"]]
    assert START == again["workflowCreatedAt"] < again["createdAt"] == again["notBefore"] < START + 5_000
    states = [again.get("failureFunctionState"), again.get("failureCallbackInfo", {}).get("state")]
    assert {state for state in states if state} == ({"CALLBACK_INPROGRESS"} if "failureCallback" in run else set())


@pytest.mark.parametrize(
    ("callback", "expected"),
    [
        ({"failureFunctionState": "CALLBACK_FAIL"}, {"failureFunctionState": "CALLBACK_INPROGRESS"}),
        (
            {"failureCallbackInfo": {"state": "CALLBACK_SUCCESS", "responseStatus": 200, "responseBody": "ok"}},
            {"failureCallbackInfo": {"state": "CALLBACK_INPROGRESS"}},
        ),
        (
            {"failureFunctionState": "CALLBACK_FAIL", "failureCallbackInfo": {"state": "CALLBACK_FAIL"}},
            {
                "failureFunctionState": "CALLBACK_INPROGRESS",
                "failureCallbackInfo": {"state": "CALLBACK_INPROGRESS"},
            },
        ),
        ({"failureCallback": "u"}, {"failureCallback": "u", "failureCallbackInfo": {"state": "CALLBACK_INPROGRESS"}}),
        ({"failureFunctionState": None}, {"failureFunctionState": None}),
        ({}, {}),
    ],
)
def test_its_failure_callback_is_in_progress(clock: Clock, callback: dict[str, Any], expected: dict[str, Any]) -> None:
    again = fail_again(clock, {"dlqId": "1-0", **callback})
    times = {"dlqId", "workflowRunId", "workflowCreatedAt", "createdAt"}
    assert {name: value for name, value in again.items() if name not in times} == expected


LIMITS = {"flowControlKey": "old", "rate": 1, "parallelism": 2, "period": 3}


@pytest.mark.parametrize(
    ("before", "headers", "after"),
    [
        ({"label": "a", "labels": ["a", "b"]}, {"Label": "night, again"}, {"labels": ["night", "again"]}),
        ({"label": "a"}, {"Label": "b"}, {"labels": ["b"]}),
        ({"label": "a", "labels": ["a", "b"]}, {"Label": ""}, {"label": "a", "labels": ["a", "b"]}),
        ({"maxRetries": 3}, {"Retries": "0"}, {"maxRetries": 0}),
        ({}, {"Retry_Delay": "pow(2, retried)"}, {"retryDelayExpression": "pow(2, retried)"}),
        (LIMITS, {"Flow_Control_Key": "new"}, {**LIMITS, "flowControlKey": "new"}),
        (
            LIMITS,
            {"Flow_Control_Value": "rate=10, period=2m"},
            {"flowControlKey": "old", "rate": 10, "period": 120},
        ),
        (
            {"failureCallback": "https://a", "failureFunctionState": "CALLBACK_FAIL"},
            {"Failure_Callback": "https://b"},
            {"failureCallback": "https://b", "failureFunctionState": "CALLBACK_INPROGRESS"},
        ),
        (
            {},
            {"Failure_Callback": "https://b"},
            {"failureCallback": "https://b", "failureCallbackInfo": {"state": "CALLBACK_INPROGRESS"}},
        ),
    ],
)
def test_it_has_the_overrides_it_was_started_with(
    clock: Clock, before: dict[str, Any], headers: dict[str, str], after: dict[str, Any]
) -> None:
    again = fail_again(clock, {"dlqId": "1-0", **before}, **headers)
    times = {"dlqId", "workflowRunId", "workflowCreatedAt", "createdAt"}
    assert {name: value for name, value in again.items() if name not in times} == after


def test_a_delayed_run_fails_later(clock: Clock) -> None:
    again = fail_again(clock, {"dlqId": "1-0"}, Delay="2m")
    assert again["workflowCreatedAt"] == START
    assert again["createdAt"] == START + 122_500
    assert again["dlqId"] == f"{START + 125_000}-0"


def test_callbacks_and_deleted_runs_do_not_fail_again(clock: Clock) -> None:
    runs = [{"dlqId": "1-0"}, {"dlqId": "2-0", "failureFunctionState": "CALLBACK_FAIL"}, {"dlqId": "3-0"}]
    emulator = Emulator(runs, refail=1, refail_after=0)
    with client(emulator) as http:
        http.delete("/dlq/1-0").raise_for_status()
        http.post("/dlq/callback/2-0").raise_for_status()
        http.post("/dlq/resume/3-0").raise_for_status()
        assert http.post("/dlq/resume?dlqIds=2-0&dlqIds=gone").status_code == 404
        clock.now += 60_000
        assert [run["dlqId"] for run in emulator.runs] == [f"{START}-0", "2-0"]


def test_a_run_can_fail_again_and_again_and_its_ids_are_never_the_same(clock: Clock) -> None:
    emulator = Emulator([{"dlqId": "1-0", "url": "u"}], refail=1, refail_after=0)
    seen: list[dict[str, Any]] = []
    with client(emulator) as http:
        for _ in range(5):  # all within one millisecond
            (run,) = emulator.runs
            seen.append(run)
            http.post(f"/dlq/resume/{run['dlqId']}").raise_for_status()
        assert [run["dlqId"] for run in seen] == ["1-0", *(f"{START}-{number}" for number in range(4))]
        assert [run.dlq_id for run in emulator.started] == [run["dlqId"] for run in seen]
        runs = [*(run.get("workflowRunId") for run in seen), emulator.runs[0]["workflowRunId"]]
        assert runs == [None, *(run.workflow_run_id for run in emulator.started)]


def test_an_id_that_was_taken_meanwhile_is_not_used(clock: Clock) -> None:
    emulator = Emulator([{"dlqId": "1-0"}], refail=1, refail_after=5)
    with client(emulator) as http:
        http.post("/dlq/resume/1-0")
    taken = f"{START + 5_000}-0"
    emulator.add({"dlqId": taken, "label": "mine"})
    clock.now += 5_000
    assert [run["dlqId"] for run in emulator.runs] == [f"{START + 5_000}-1", taken]
    assert emulator.runs[1] == {"dlqId": taken, "label": "mine"}


def resume_two_hundred(clock: Clock, refail: float, refail_after: Any) -> dict[str, int]:
    """Which of 200 runs fail again, by their new ids, and how many milliseconds after their start."""
    emulator = Emulator(200, refail=refail, refail_after=refail_after)
    with client(emulator) as http:
        for kind in ("resume", "restart", "resume", "restart"):
            assert len(http.post(f"/dlq/{kind}").json()["workflowRuns"]) == 50
        start = clock.now
        clock.now += 3_600_000
        return {run["workflowRunId"]: int(run["dlqId"].partition("-")[0]) - start for run in emulator.runs}


def test_the_same_calls_meet_the_same_failures(clock: Clock) -> None:
    first = resume_two_hundred(clock, 0.3, (1, 90))
    assert 45 < len(first) < 70
    assert resume_two_hundred(clock, 0.3, (1, 90)) == first


def test_the_times_are_drawn_from_the_range(clock: Clock) -> None:
    times = sorted(resume_two_hundred(clock, 1, (1, 90)).values())
    assert 1_000 <= times[0] < 5_000
    assert 86_000 < times[-1] <= 90_000
    assert 35_000 < times[100] < 55_000
    assert len(set(times)) > 190
    assert set(resume_two_hundred(clock, 1, (0.25, 0.25)).values()) == {250}


def test_a_larger_share_adds_failures(clock: Clock) -> None:
    none, few, more, all_ = (resume_two_hundred(clock, share, (1, 90)) for share in (0, 0.1, 0.5, 1))
    assert none == {}
    assert 5 < len(few) < 35
    assert 85 < len(more) < 115
    assert len(all_) == 200
    assert few.items() < more.items() < all_.items()


def test_nothing_fails_again_unless_asked(clock: Clock) -> None:
    emulator = Emulator(3)
    with client(emulator) as http:
        http.post("/dlq/resume").raise_for_status()
        clock.now += 3_600_000
        assert http.get("/dlq").json() == {"messages": []}


def test_it_is_decided_when_a_run_is_started(clock: Clock) -> None:
    emulator = Emulator([{"dlqId": "1-0"}, {"dlqId": "2-0"}])
    with client(emulator) as http:
        emulator.settings.refail = 1
        http.post("/dlq/resume/1-0").raise_for_status()
        emulator.settings.refail = 0
        http.post("/dlq/resume/2-0").raise_for_status()
    clock.now += 5_000
    assert [run["workflowRunId"] for run in emulator.runs] == ["wfr_resume-000001"]


def test_a_run_whose_start_got_no_answer_fails_again_too(clock: Clock) -> None:
    emulator = Emulator([{"dlqId": "1-0"}], refail=1)
    with client(emulator) as http:
        emulator.fail(faults.status(503))
        emulator.fail(faults.reset_after_acting())
        assert http.post("/dlq/resume/1-0").status_code == 503
        with pytest.raises(httpx.ReadError):
            http.post("/dlq/resume/1-0")
    clock.now += 5_000
    assert [run["dlqId"] for run in emulator.runs] == [f"{clock.now}-0"]


@pytest.mark.parametrize("date_field", ["dlqId", "createdAt", "workflowCreatedAt"])
@pytest.mark.parametrize("refail_after", [0, 0.001, 90])
def test_dates_find_it_by_the_time_of_its_start(clock: Clock, date_field: Any, refail_after: float) -> None:
    settings = Settings(date_field=date_field)
    emulator = Emulator(150, settings=settings, refail=1, refail_after=refail_after)
    with client(emulator) as http:
        (started,) = http.post("/dlq/resume?count=1").json()["workflowRuns"]
        clock.now += 90_000
        query = {"fromDate": started["workflowCreatedAt"]}
        assert [run["workflowRunId"] for run in http.get("/dlq", params=query).json()["messages"]] == [
            started["workflowRunId"]
        ]
        assert http.get("/dlq", params={**query, "toDate": clock.now}).json()["messages"] != []
        assert http.get("/dlq", params={"fromDate": clock.now + 1}).json()["messages"] == []
        query = {"workflowRunId": started["workflowRunId"], "label": emulator.runs[0].get("label", "")}
        assert len(http.get("/dlq", params=query).json()["messages"]) == 1


def test_it_comes_before_the_page_where_a_list_continues(clock: Clock) -> None:
    emulator = Emulator(150, refail=1, refail_after=5)
    with client(emulator) as http:
        http.post("/dlq/resume?count=1").raise_for_status()
        expected = [run["dlqId"] for run in emulator.runs]
        page = http.get("/dlq").json()
        clock.now += 5_000
        rest = http.get("/dlq", params={"cursor": page["cursor"]}).json()
        assert [run["dlqId"] for run in page["messages"] + rest["messages"]] == expected
        assert len(emulator.runs) == len(expected) + 1


def test_runs_outlive_a_stop_until_they_fail_again(clock: Clock) -> None:
    emulator = Emulator([{"dlqId": "1-0"}, {"dlqId": "2-0"}], refail=0.5)
    with client(emulator) as http:
        http.post("/dlq/resume").raise_for_status()
    clock.now += 5_000
    with client(emulator) as http:
        before = http.get("/dlq").json()["messages"]
        assert len(before) == 1
    other = Emulator([{"dlqId": "1-0"}, {"dlqId": "2-0"}], refail=0.5)
    for dlq_id in ("2-0", "1-0"):
        with client(other) as http:  # a restart does not begin the draws anew
            http.post(f"/dlq/resume/{dlq_id}").raise_for_status()
    clock.now += 5_000
    assert [run["workflowRunId"] for run in other.runs] == [run["workflowRunId"] for run in before]


def test_threads_may_look_at_the_same_time(clock: Clock) -> None:
    emulator = Emulator(400, refail=1, refail_after=(0, 0.02))
    with client(emulator) as http:
        cursor = ""
        for _ in range(8):
            cursor = http.post("/dlq/resume", params={"cursor": cursor}).json().get("cursor", "")

    def look(passed: int) -> list[str]:
        clock.now = START + passed
        return [run["workflowRunId"] for run in emulator.runs]

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(look, range(20)))
    assert all(len(ids) == len(set(ids)) for ids in seen)
    assert sorted(look(20)) == [f"wfr_resume-{number:06}" for number in range(1, 401)]


@pytest.mark.parametrize("refail", [-0.1, 1.1, math.nan, math.inf, "0.3", None, True, 30])
def test_a_share_that_cannot_be_is_refused(refail: Any) -> None:
    settings = Settings()
    with pytest.raises(ValueError, match=r"refail takes a share of runs from 0 to 1, such as 0\.3; got"):
        Settings(refail=refail)
    with pytest.raises(ValueError, match="refail takes a share"):
        settings.refail = refail
    assert settings == Settings()
    if refail is not None:
        with pytest.raises(ValueError, match="refail takes a share"):
            Emulator(refail=refail)


@pytest.mark.parametrize(
    ("after", "complaint"),
    [
        *(
            (after, "refail_after takes seconds, 0 or more, or a range such as (1, 90); got")
            for after in (
                *(-1, math.nan, math.inf, "5", "15", True, None, (), (1,), (1, 2, 3)),
                *((-1, 5), (1, math.inf), (math.nan, 5), (1, math.nan), (True, 5)),
            )
        ),
        ((90, 1), "refail_after takes a range as (least, most); 90 is more than 1"),
    ],
)
def test_a_time_that_cannot_be_is_refused(after: Any, complaint: str) -> None:
    settings = Settings()
    with pytest.raises(ValueError, match=re.escape(complaint)):
        Settings(refail_after=after)
    with pytest.raises(ValueError, match=re.escape(complaint)):
        settings.refail_after = after
    assert settings == Settings()
    if after is not None:
        with pytest.raises(ValueError, match=re.escape(complaint)):
            Emulator(refail_after=after)


def test_arguments_replace_settings_in_a_copy() -> None:
    settings = Settings(latency=0.5, refail=0.1, refail_after=7)
    assert Emulator(settings=settings, refail=0.3).settings == Settings(latency=0.5, refail=0.3, refail_after=7)
    assert Emulator(settings=settings, refail=0).settings == Settings(latency=0.5, refail=0, refail_after=7)
    assert Emulator(settings=settings, refail_after=(1, 90)).settings.refail_after == (1, 90)
    assert Emulator(refail=0.3).settings == Settings(refail=0.3)
    assert settings == Settings(latency=0.5, refail=0.1, refail_after=7)
    assert Emulator(settings=settings).settings is settings
