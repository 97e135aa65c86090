"""Sample runs are made when they are needed, and behave like payloads that were added."""

import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from conformance import answer, validate
from upstash_workflow_dlq.emulator import Emulator, Settings, _sample_runs, failed_runs, samples
from upstash_workflow_dlq.emulator._payloads import Run

SEVERAL_ROUNDS = 2 * _sample_runs.VARIETY + 150
LATER = 1_790_000_000_000


def client(dlq: Emulator) -> httpx.Client:
    headers = {"Authorization": f"Bearer {dlq.token}"}
    return httpx.Client(base_url=f"{dlq.url}/v2/workflows", headers=headers, trust_env=False)


def list_all(http: httpx.Client, **params: Any) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = http.get("/dlq", params={**params, "cursor": cursor}).raise_for_status().json()
        messages += page["messages"]
        cursor = page.get("cursor", "")
        if not cursor:
            return messages


@pytest.fixture(scope="module")
def runs() -> list[dict[str, Any]]:
    return failed_runs(SEVERAL_ROUNDS)


@pytest.fixture
def pair(runs: list[dict[str, Any]]) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Two emulators with the same runs: sample runs, and payloads that were added."""
    with Emulator(SEVERAL_ROUNDS) as one, Emulator(runs) as other, client(one) as made, client(other) as added:
        yield made, added


def test_a_million_runs_are_not_made_in_advance(monkeypatch: pytest.MonkeyPatch) -> None:
    invent = samples._invent
    invented = 0

    def count(*arguments: Any) -> dict[str, Any]:
        nonlocal invented
        invented += 1
        assert invented < 5_000
        return invent(*arguments)

    monkeypatch.setattr(samples, "_invent", count)
    with Emulator(1_000_000) as dlq, client(dlq) as http:
        first = http.get("/dlq").json()
        assert [run["dlqId"] for run in first["messages"]] == [run["dlqId"] for run in failed_runs(100)]
        last = list_all(http, toDate=samples.NEWEST - 990 * 40_000_000)
        assert 0 < len(last) < 2_000
        assert http.delete(f"/dlq/{last[-1]['dlqId']}").status_code == 200
        assert http.get(f"/dlq/{last[-1]['dlqId']}").status_code == 404


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_AS")
def test_a_million_runs_fit_into_a_gigabyte() -> None:
    code = (
        "import resource, httpx\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))\n"
        "from upstash_workflow_dlq.emulator import Emulator\n"
        "with Emulator(1_000_000) as dlq:\n"
        "    headers = {'Authorization': f'Bearer {dlq.token}'}\n"
        "    url = f'{dlq.url}/v2/workflows/dlq?label=nobody'\n"
        "    assert httpx.get(url, headers=headers, trust_env=False).json() == {'messages': []}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - ourselves


def test_a_page_makes_only_the_runs_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0

    class CountedRun(Run):
        __slots__ = ()

        def __init__(self, *arguments: Any) -> None:
            nonlocal made
            made += 1
            super().__init__(*arguments)

    with Emulator(5_000) as dlq, client(dlq) as http:
        monkeypatch.setattr(_sample_runs, "Run", CountedRun)
        pages = 0
        cursor = ""
        while pages == 0 or cursor:
            cursor = http.get("/dlq", params={"cursor": cursor}).json().get("cursor", "")
            pages += 1
    assert pages == 50
    assert made <= 5_000 + 50  # one more for each page: whether there is another page


def test_older_runs_repeat_failures_with_other_ids_and_times(runs: list[dict[str, Any]]) -> None:
    for name in ("dlqId", "messageId", "workflowRunId"):
        assert len({run[name] for run in runs}) == len(runs)
    positions = [tuple(map(int, run["dlqId"].split("-"))) for run in runs]
    assert positions == sorted(positions, reverse=True)
    for position, run, earlier in zip(positions, runs, runs[_sample_runs.VARIETY :], strict=False):
        assert earlier["workflowCreatedAt"] < earlier["createdAt"] < int(earlier["dlqId"].split("-")[0]) < position[0]
        age = position[0] - run["createdAt"]
        assert int(earlier["dlqId"].split("-")[0]) - earlier["createdAt"] == age
        same = {"dlqId", "messageId", "workflowRunId", "header", "notBefore", "createdAt", "workflowCreatedAt"}
        assert {**earlier, **{name: run[name] for name in same}} == run
        header = earlier["header"]
        assert header.get("Upstash-Workflow-Runid", [earlier["workflowRunId"]]) == [earlier["workflowRunId"]]


def test_runs_of_every_round_are_valid_by_the_spec(runs: list[dict[str, Any]]) -> None:
    for run in runs[:: len(runs) // 50]:
        validate("getFailedRun", answer("getFailedRun", run))


@pytest.mark.untraced
@pytest.mark.parametrize("newest", [None, LATER, 1_752_829_999_999, 1_752_830_000_000])
def test_the_newest_run_can_be_of_any_time(newest: int | None) -> None:
    with Emulator(600, newest=newest) as dlq, client(dlq) as http:
        expected = failed_runs(600) if newest is None else failed_runs(600, newest=newest)
        assert list_all(http) == expected == dlq.runs
        for run in expected[::100]:
            assert http.get(f"/dlq/{run['dlqId']}").json() == run


def test_payloads_have_their_own_times() -> None:
    with pytest.raises(ValueError, match="newest"):
        Emulator(failed_runs(2), newest=LATER)


@pytest.mark.parametrize(("runs", "newest"), [(10**8, None), (2_000_000, 50_000_000_000), (1_000, 30_000_000), (1, 5)])
def test_runs_from_before_1970_are_refused(runs: int, newest: int | None) -> None:
    with pytest.raises(ValueError, match=f"no time for {runs:,} sample runs"):
        Emulator(runs, newest=newest)


def test_runs_may_go_back_to_1970() -> None:
    with Emulator(200_000, newest=8_000_000_000) as dlq, client(dlq) as http:
        oldest = list_all(http, toDate=100_000_000)
    assert oldest
    assert all(0 < run["workflowCreatedAt"] < run["createdAt"] <= 100_000_000 for run in oldest)


def queries(runs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    one, late, early = runs[1_700], runs[900], runs[2_100]
    entered = [int(run["dlqId"].split("-")[0]) for run in (early, late)]
    yield {}
    yield {"count": 37, "label": "billing"}
    yield {"label": ["email", "images"], "failureFunctionState": "CALLBACK_FAIL"}
    yield {"label": "nobody"}
    yield {"workflowUrl": one["workflowUrl"], "callerIp": one["callerIP"]}
    yield {"flowControlKey": "smtp", "fromDate": entered[0], "toDate": entered[1]}
    yield {"fromDate": entered[0], "toDate": entered[0]}
    yield {"fromDate": entered[1], "toDate": entered[0]}
    yield {"fromDate": 0, "toDate": 2**63 - 1, "count": 99}
    for run in (runs[0], one, runs[-1]):
        yield {"workflowRunId": run["workflowRunId"]}
        yield {"workflowCreatedAt": run["workflowCreatedAt"]}
        yield {"workflowRunId": run["workflowRunId"][:-1]}


@pytest.mark.untraced
def test_filters_select_the_same_runs(runs: list[dict[str, Any]], pair: tuple[httpx.Client, httpx.Client]) -> None:
    found = [[list_all(http, **query) for http in pair] for query in queries(runs)]
    assert all(made == added for made, added in found)
    assert found[0][0] == runs
    assert sum(bool(made) for made, _ in found) > 10


@pytest.mark.untraced
@pytest.mark.parametrize("field", ["createdAt", "workflowCreatedAt"])
def test_dates_that_filter_another_time_select_the_same_runs(runs: list[dict[str, Any]], field: Any) -> None:
    settings = Settings(date_field=field)
    with (
        Emulator(SEVERAL_ROUNDS, settings=settings) as one,
        Emulator(runs, settings=settings) as other,
        client(one) as made,
        client(other) as added,
    ):
        for since, until in ((2_100, 1_900), (1_009, 1_009), (2_167, 2_000), (300, 0)):
            query = {"fromDate": runs[since][field], "toDate": runs[until][field]}
            found = list_all(made, **query)
            assert found == list_all(added, **query)
            assert runs[since] in found


def test_runs_that_were_deleted_started_changed_or_added_are_the_same(
    runs: list[dict[str, Any]], pair: tuple[httpx.Client, httpx.Client]
) -> None:
    rng = random.Random(5)
    for _ in range(60):
        run, count = rng.choice(runs), rng.randint(1, 100)
        moment = int(run["dlqId"].split("-")[0])
        calls: list[tuple[str, str, dict[str, Any]]] = [
            ("DELETE", f"/dlq/{run['dlqId']}", {}),
            ("DELETE", "/dlq", {"count": count, "toDate": moment, "label": "billing"}),
            ("POST", "/dlq/resume", {"count": min(count, 50), "fromDate": moment}),
            ("POST", f"/dlq/restart/{run['dlqId']}", {}),
            ("POST", "/dlq/restart", {"workflowRunId": run["workflowRunId"]}),
            ("DELETE", "/dlq", {"dlqIds": [run["dlqId"], "1-0"]}),
            ("POST", f"/dlq/callback/{run['dlqId']}", {}),
            ("DELETE", f"/dlq/callback/{run['dlqId']}", {}),
            ("GET", f"/dlq/{run['dlqId']}", {}),
            ("GET", "/dlq", {"toDate": moment, "failureFunctionState": "CALLBACK_INPROGRESS"}),
        ]
        method, path, params = rng.choice(calls)
        one, other = (http.request(method, path, params=params) for http in pair)
        assert one.status_code == other.status_code
        if method == "GET":
            assert one.content == other.content
    left = [list_all(http) for http in pair]
    assert left[0] == left[1]
    assert 0 < len(left[0]) < len(runs)


def test_runs_may_be_added_between_sample_runs() -> None:
    sample = failed_runs(3)
    dlq = Emulator(3)
    with pytest.raises(ValueError, match="already holds"):
        dlq.add({"dlqId": sample[1]["dlqId"]})
    moment = int(sample[1]["dlqId"].split("-")[0])
    dlq.add({"dlqId": f"{moment}-7"}, {"dlqId": f"{moment - 1}-0", "label": "a"})
    ids = [sample[0]["dlqId"], f"{moment}-7", sample[1]["dlqId"], f"{moment - 1}-0", sample[2]["dlqId"]]
    assert [run["dlqId"] for run in dlq.runs] == ids
    dlq.update(sample[1]["dlqId"], label="changed")
    assert [run["dlqId"] for run in dlq.runs] == ids
    assert dlq.runs[2] == {**sample[1], "label": "changed"}
    with dlq, client(dlq) as http:
        assert [run["dlqId"] for run in http.get("/dlq?count=3").json()["messages"]] == ids[:3]
        http.delete(f"/dlq/{sample[1]['dlqId']}").raise_for_status()
    dlq.add({"dlqId": sample[1]["dlqId"], "label": "again"})
    assert dlq.runs[2] == {"dlqId": sample[1]["dlqId"], "label": "again"}
