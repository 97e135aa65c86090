"""How many requests begin within any ten seconds, on a clock that nobody waits for."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from simulation import Fault, Service, Simulation, fewest_within, most_within
from upstash_workflow_dlq import RateLimitError
from upstash_workflow_dlq.redrive._effects import Act, Request, Stopped
from upstash_workflow_dlq.redrive._pace import Pace

AT_ONCE = timedelta(0)
ONE_WAVE: dict[str, Any] = {"canary": 10**6, "wave_max": 10**6, "watch": AT_ONCE}


def limited(retry_after: float | None) -> RateLimitError:
    error = RateLimitError("too many requests", status_code=429)
    error.retry_after = retry_after
    return error


def moments(simulation: Simulation, since: float = 0.0, until: float = float("inf")) -> list[float]:
    return [moment for moment, _ in simulation.sent if since <= moment < until]


@pytest.mark.parametrize(("rate", "runs"), [(0.5, 40), (5, 200), (50, 1000), (500, 5500)])
def test_any_ten_seconds_have_as_many_requests_as_they_should(tmp_path: Path, rate: float, runs: int) -> None:
    with Simulation(tmp_path, Service(runs), rate=rate, latency=0.1, **ONE_WAVE) as simulation:
        simulation.run()
        begun = moments(simulation)
        assert len(begun) == runs
        assert most_within(begun, 10) <= rate * 10 * 1.05
        assert fewest_within(begun, 10) >= rate * 10 * 0.95


@pytest.mark.parametrize("rate", [0.5, 5, 50, 500])
def test_the_start_has_no_burst(tmp_path: Path, rate: float) -> None:
    with Simulation(tmp_path, Service(100), rate=rate, latency=0.1, **ONE_WAVE) as simulation:
        simulation.run()
        begun = moments(simulation)
        for first, later in pairwise(begun[:20]):
            assert later - first >= 1 / rate - 1e-6
        assert begun[19] - begun[0] <= 19 / rate + 0.3  # at first few are under way at once


@pytest.mark.parametrize("action", ["resume", "delete"])
@pytest.mark.parametrize(("canary", "growth", "wave_max"), [(1, 1, 1), (3, 1, 3), (10, 4, 40)])
def test_the_end_of_a_wave_makes_the_next_one_begin_no_sooner(
    tmp_path: Path, action: str, canary: int, growth: int, wave_max: int
) -> None:
    waves: dict[str, Any] = {"canary": canary, "growth": growth, "wave_max": wave_max, "watch": AT_ONCE}
    with Simulation(tmp_path, Service(60), action=action, rate=0.5, latency=0.1, **waves) as simulation:
        simulation.run()
        assert len(simulation.waves) > 1
        for first, later in pairwise(moments(simulation)):
            assert later - first >= 1 / 0.5 - 1e-6


def test_the_time_that_a_wave_was_watched_is_not_made_up_for(tmp_path: Path) -> None:
    with Simulation(tmp_path, Service(200), rate=50, canary=100, watch=timedelta(seconds=30)) as simulation:
        simulation.run()
        [second] = [later for first, later in pairwise(moments(simulation)) if later - first > 20]
        assert len(moments(simulation, second, second + 0.1)) == pytest.approx(50 * 0.1)


def test_a_rate_limit_ends_without_a_burst(tmp_path: Path) -> None:
    def faults(request: Request, now: float) -> Fault | None:
        return Fault(limited(7)) if isinstance(request, Act) and 4 < now < 5 else None

    with Simulation(tmp_path, Service(500), rate=50, **ONE_WAVE) as simulation:
        simulation.faults = faults
        simulation.run()
        begun = moments(simulation)
        assert not moments(simulation, 5.3, 11)
        assert most_within(begun, 10) <= 50 * 10
        assert most_within([moment for moment in begun if moment > 6], 0.1) <= 50 * 0.1
        assert len(simulation.service.acted) == 500


def test_many_limited_at_once_wait_as_long_as_one(tmp_path: Path) -> None:
    # All that were under way meet the limit, and do not double the wait.
    def faults(request: Request, now: float) -> Fault | None:
        return Fault(limited(None)) if isinstance(request, Act) and 4 < now < 4.5 else None

    with Simulation(tmp_path, Service(500), rate=50, latency=0.4, **ONE_WAVE) as simulation:
        simulation.faults = faults
        simulation.run()
        [begins_again] = [later for first, later in pairwise(moments(simulation)) if later - first > 0.5]
        assert begins_again == pytest.approx(4.4 + 1.4, abs=0.5)


def test_limits_one_after_the_other_wait_longer_and_longer(tmp_path: Path) -> None:
    def faults(request: Request, now: float) -> Fault | None:
        return Fault(limited(None)) if isinstance(request, Act) and now < 100 else None

    with Simulation(tmp_path, Service(3), rate=1000, latency=0.01, **ONE_WAVE) as simulation:
        simulation.faults = faults
        simulation.run(workers=1)
        gaps = [later - first for first, later in pairwise(moments(simulation, 0, 101))]
        assert gaps[:6] == pytest.approx([1, 2, 4, 8, 16, 32], abs=0.1)
        assert (simulation.problems[0][1] or "").startswith("the service limits the rate")
        assert simulation.problems[-1][1] is None


def test_a_stalled_disk_is_made_up_for_by_a_quarter_of_a_second_at_most(tmp_path: Path) -> None:
    with Simulation(tmp_path, Service(400), rate=20, **ONE_WAVE) as simulation:

        def stall() -> None:
            simulation.now += 3

        for moment in (5, 9, 14):
            simulation.at(moment, stall)
        simulation.run()
        begun = moments(simulation)
        assert most_within(begun, 10) <= 20 * 10 * 1.05
        assert most_within(begun, 0.05) <= 20 * 0.25 + 1


@pytest.mark.parametrize(("before", "after"), [(5, 50), (50, 5), (0.5, 20), (20, 0.5)])
def test_a_new_rate_is_obeyed_within_a_second(tmp_path: Path, before: float, after: float) -> None:
    with Simulation(tmp_path, Service(int(30 * max(before, after))), rate=before, **ONE_WAVE) as simulation:
        simulation.at(10.3, lambda: simulation.set(rate=after))
        simulation.stop_at(32)
        with pytest.raises(Stopped):
            simulation.run()
        begun = moments(simulation, 11.3)
        assert most_within(begun, 10) == pytest.approx(after * 10, rel=0.05)
        assert fewest_within(begun, 10) == pytest.approx(after * 10, rel=0.05)
        gap = next(later - first for first, later in pairwise(begun))
        assert gap == pytest.approx(1 / after)
        assert len(moments(simulation, 0.2, 10.2)) == pytest.approx(before * 10, rel=0.05)


def test_a_request_that_begins_late_does_not_delay_the_next() -> None:
    pace = Pace(10, 0.0)
    begun, now = 0, 0.0
    for number in range(1000):
        now = max(now, pace.next) + (0.03 if number % 2 else 0.0)
        due = pace.due(now)
        assert due >= 1
        pace.took(due)
        begun += due
    assert begun == pytest.approx(now * 10, rel=0.01)
