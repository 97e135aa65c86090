"""What a redrive decides, on a clock that nobody waits for: waves, pauses, looks, errors, a stop."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
from simulation import Fault, Service, Simulation
from upstash_workflow_dlq import AuthenticationError, BadRequestError, RateLimitError, ServerError, TransportError
from upstash_workflow_dlq.redrive import JournalError, RedriveError, RedrivePaused, State
from upstash_workflow_dlq.redrive._effects import Act, Ask, Keep, Look, Request, Stopped

TWO_MINUTES = timedelta(minutes=2)
FAST: dict[str, Any] = {"rate": 100, "watch": TWO_MINUTES}

Simulate = Callable[..., Simulation]


@pytest.fixture
def simulate(tmp_path: Path) -> Any:
    made: list[Simulation] = []

    def simulate(runs: int, refail: Any = 0.0, *, service: dict[str, Any] | None = None, **options: Any) -> Simulation:
        made.append(Simulation(tmp_path, Service(runs, refail, **(service or {})), **(FAST | options)))
        return made[-1]

    yield simulate
    for simulation in made:
        simulation.journal.close()


def counts(simulation: Simulation) -> dict[str, int]:
    return {str(state): number for state, number in simulation.journal.counts().items() if number}


def server_error() -> ServerError:
    return ServerError("the service failed", status_code=503)


# Waves and pauses.


def test_waves_grow_up_to_the_largest(simulate: Simulate) -> None:
    simulation = simulate(3000, wave_max=1000)
    waves = simulation.run()
    assert [wave.size for wave in waves] == [10, 40, 160, 640, 1000, 1000, 150]
    assert {wave.state for wave in waves} == {"done"}
    assert len(simulation.service.acted) == 3000


@pytest.mark.parametrize("seed", range(5))
def test_few_that_fail_again_do_not_stop_it(simulate: Simulate, seed: int) -> None:
    simulation = simulate(2000, 0.05, service={"seed": seed}, canary=50)
    simulation.run()
    assert len(simulation.service.acted) == 2000
    found = counts(simulation)["failed again"]
    assert found == len(simulation.service.failed_again) > 50


@pytest.mark.parametrize(("refail", "sent", "failed_again"), [(0.3, 50, 8), (1.0, 10, 2)])
def test_many_that_fail_again_pause_it(simulate: Simulate, refail: float, sent: int, failed_again: int) -> None:
    simulation = simulate(2000, refail)
    with pytest.raises(RedrivePaused, match=r"failed again; at most 10 % may\. Nothing more is sent") as paused:
        simulation.run()
    assert len(simulation.service.acted) == sent
    assert paused.value.wave is not None
    assert paused.value.wave.state == "paused"
    [group] = paused.value.groups
    assert group.count == paused.value.wave.failed_again
    assert counts(simulation)["failed again"] == failed_again
    assert counts(simulation)["planned"] == 2000 - sent
    # And again, without sending any.
    with pytest.raises(RedrivePaused):
        simulation.run()
    assert len(simulation.service.acted) == sent


@pytest.mark.parametrize("seed", range(10))
def test_of_a_third_that_fails_again_at_most_two_waves_are_sent(simulate: Simulate, seed: int) -> None:
    simulation = simulate(2000, 0.3, service={"seed": seed})
    with pytest.raises(RedrivePaused):
        simulation.run()
    assert len(simulation.service.acted) in (10, 50)


def test_forced_it_goes_on_with_a_canary(simulate: Simulate) -> None:
    simulation = simulate(500, lambda now: float(now < 60))
    with pytest.raises(RedrivePaused):
        simulation.run()
    simulation.now = 200.0
    waves = simulation.run(force=True)
    assert [wave.size for wave in waves] == [10, 40, 160, 280]
    assert len(simulation.service.acted) == 500


def test_forced_and_killed_it_is_still_paused_or_has_begun_a_canary(simulate: Simulate) -> None:
    outcomes = set()
    for effects in range(1, 25):
        simulation = simulate(100, lambda now: float(now < 60))
        with pytest.raises(RedrivePaused):
            simulation.run()
        simulation.now = 200.0
        simulation.run(force=True, effects=effects)
        wave = simulation.journal.last_wave()
        assert wave is not None
        if wave.number == 1:
            with pytest.raises(RedrivePaused):
                simulation.run()
        else:
            assert wave.size == 10
        outcomes.add(wave.number)
    assert outcomes == {1, 2}


def test_forced_with_nothing_left_it_is_done(simulate: Simulate) -> None:
    simulation = simulate(10, 1.0)
    with pytest.raises(RedrivePaused):
        simulation.run()
    simulation.run(force=True)
    simulation.run()
    assert len(simulation.sent) == 10


def test_those_that_are_sent_again_begin_with_a_canary(simulate: Simulate) -> None:
    simulation = simulate(250, 1.0, max_failures=1)
    simulation.run()
    simulation.set(max_failures=0.1)
    with pytest.raises(RedrivePaused):
        simulation.run(again=True)
    last = simulation.journal.last_wave()
    assert last is not None
    assert (last.size, last.state) == (10, "paused")


def test_those_that_fail_again_are_sent_again_only_when_asked(simulate: Simulate) -> None:
    simulation = simulate(100, lambda now: float(now < 60), max_failures=1.0, canary=100, wave_max=100)
    simulation.run()
    assert counts(simulation) == {"failed again": 100}
    simulation.run()
    assert len(simulation.sent) == 100
    simulation.run(again=True)
    assert len(simulation.sent) == 200
    assert counts(simulation) == {"failed again": 100, "started": 100}
    simulation.run(again=True)
    assert len(simulation.sent) == 200


def test_refused_runs_count_as_failures(simulate: Simulate) -> None:
    simulation = simulate(1000)
    error = BadRequestError("the flow control key is too long", status_code=400)
    simulation.faults = lambda request, now: Fault(error) if isinstance(request, Act) else None
    with pytest.raises(RedrivePaused, match="were refused"):
        simulation.run(workers=1)
    # Two of ten are too many, and the rest of the wave is not sent.
    assert counts(simulation) == {"refused": 2, "planned": 998}


def test_a_wave_that_is_gone_pauses_it(simulate: Simulate) -> None:
    simulation = simulate(100)
    oldest = simulation.journal.planned(10)
    # After the check that this is the right queue, and before the first is sent.
    simulation.at(0.1, lambda: [simulation.service.queue.pop(dlq_id) for dlq_id in oldest])
    with pytest.raises(RedrivePaused, match="all 10 runs of wave 1 were gone"):
        simulation.run()
    assert counts(simulation) == {"gone": 10, "planned": 90}


def test_a_queue_that_has_none_of_the_runs_is_probably_another(simulate: Simulate) -> None:
    simulation = simulate(100)
    simulation.service.queue.clear()
    with pytest.raises(RedriveError, match="none of the next 5 runs is in this queue, and nothing was sent"):
        simulation.run()
    assert not simulation.sent


def test_in_another_queue_nothing_that_was_under_way_passes_for_done(simulate: Simulate) -> None:
    simulation = simulate(100, rate=50, canary=100)
    simulation.run(effects=60)
    before = counts(simulation)
    assert before["sending"] >= 5
    assert before["planned"] >= 5
    here, simulation.service.queue = simulation.service.queue, {}
    with pytest.raises(RedriveError, match="none of the next 5 runs is in this queue, and nothing was sent"):
        simulation.run()
    assert counts(simulation) == before
    simulation.service.queue = here
    simulation.run()
    assert counts(simulation) == {"started": 100}
    assert len(simulation.service.acted) == 100


# Watching.


@pytest.mark.parametrize("date_field", ["entered", "created", "workflow created"])
@pytest.mark.parametrize("says_created_at", [True, False])
def test_looks_find_all_whichever_date_the_service_filters_by(
    simulate: Simulate, date_field: str, says_created_at: bool
) -> None:
    service = {"date_field": date_field, "says_created_at": says_created_at}
    simulation = simulate(300, 1.0, service=service, canary=300, max_failures=1.0, rate=10)
    simulation.run()
    assert counts(simulation) == {"failed again": 300}


@pytest.mark.parametrize("hours", [-5, 5])
def test_looks_find_all_when_the_clock_here_jumps(simulate: Simulate, hours: int) -> None:
    simulation = simulate(300, 1.0, canary=100, growth=1, max_failures=1.0, rate=10)

    def jump() -> None:
        simulation.wall_offset += hours * 3_600_000

    simulation.at(5, jump)
    simulation.at(160, jump)
    simulation.run()
    assert counts(simulation) == {"failed again": 300}


def test_a_wave_of_two_minutes_takes_nine_looks(simulate: Simulate) -> None:
    simulation = simulate(10)
    simulation.run()
    looks = simulation.service.looks
    assert len(looks) == 9
    intervals = [later - first for first, later in pairwise(looks)]
    assert intervals[:-1] == sorted(intervals[:-1])
    # The last one is after the two minutes: what failed within them is found.
    assert looks[-1] - simulation.sent[-1][0] >= 120
    assert simulation.service.pages == len(looks)


def test_all_pages_are_looked_at(simulate: Simulate) -> None:
    simulation = simulate(1000, 1.0, service={"after": (1.0, 2.0)}, canary=1000, max_failures=1.0, rate=1000)
    simulation.run()
    assert counts(simulation) == {"failed again": 1000}
    assert simulation.service.pages > 10 * (len(simulation.service.looks) - 3)


def test_a_wave_that_nobody_can_look_at_is_unknown_and_waited_for(simulate: Simulate) -> None:
    simulation = simulate(100)
    simulation.faults = lambda request, now: Fault(server_error()) if isinstance(request, Look) and now < 1000 else None
    states = []

    def note() -> None:
        wave = simulation.journal.last_wave()
        assert wave is not None
        states.append(wave.state)

    for moment in (500, 990, 1100):
        simulation.at(moment, note)
    simulation.run()
    assert states == ["unknown", "unknown", "watching"]
    assert max(moment for moment, _ in simulation.sent[:10]) < 10
    # None of the others is sent before somebody has looked at the first wave.
    assert min(moment for moment, _ in simulation.sent[10:]) > 1000
    [(began, problem), (_, end)] = simulation.problems
    assert began < 10
    assert problem is not None
    assert problem.startswith("cannot see which runs fail again: HTTP 503")
    assert end is None


def test_killed_while_nobody_could_look_it_says_that_it_watches_again(simulate: Simulate) -> None:
    simulation = simulate(10)
    simulation.faults = lambda request, now: Fault(server_error()) if isinstance(request, Look) else None
    simulation.stop_at(50)
    with pytest.raises(Stopped):
        simulation.run()
    simulation.faults = lambda request, now: None
    states = []
    simulation.at(simulation.now + 60, lambda: states.append(simulation.journal.last_wave()))
    simulation.run()
    assert [wave and wave.state for wave in states] == ["watching"]


def test_a_look_that_is_not_allowed_ends_it(simulate: Simulate) -> None:
    simulation = simulate(100)
    error = AuthenticationError("the token was revoked", status_code=401)
    simulation.faults = lambda request, now: Fault(error) if isinstance(request, Look) else None
    with pytest.raises(AuthenticationError):
        simulation.run()
    assert len(simulation.service.acted) == 10


# Requests that go wrong.


@pytest.mark.parametrize("acts", [False, True])
@pytest.mark.parametrize("error", [TransportError("reset"), server_error()], ids=["reset", "503"])
def test_a_lost_answer_ends_it_and_is_settled(simulate: Simulate, acts: bool, error: Exception) -> None:
    simulation = simulate(100, rate=5)
    lost = islice([True], 1)
    simulation.faults = lambda request, now: (
        Fault(error, acts) if isinstance(request, Act) and now > 1 and next(lost, False) else None
    )
    with pytest.raises(type(error)):
        simulation.run()
    assert counts(simulation).get("unknown") is None
    simulation.run()
    assert len(simulation.service.acted) == 100
    assert len(simulation.sent) == 100 + (not acts)
    assert sum(result.workflow_run_id is None for result in simulation.results()) == acts


def test_what_nobody_can_ask_for_is_unknown_and_asked_for_first_the_next_time(simulate: Simulate) -> None:
    simulation = simulate(100, rate=5)
    simulation.faults = lambda request, now: Fault(TransportError("down"), True) if now > 1 else None
    with pytest.raises(TransportError):
        simulation.run()
    unknown = counts(simulation)["unknown"]
    assert unknown >= 1
    before = len(simulation.sent)
    with pytest.raises(TransportError):
        simulation.run()
    assert len(simulation.sent) == before
    simulation.faults = lambda request, now: None
    simulation.run()
    assert len(simulation.sent) == len(simulation.service.acted) == 100
    assert sum(result.workflow_run_id is None for result in simulation.results()) == unknown


@pytest.mark.parametrize("effects", range(1, 120, 2))
def test_killed_after_any_effect_each_is_sent_once(simulate: Simulate, effects: int) -> None:
    simulation = simulate(6, 1.0, canary=2, growth=2, max_failures=1.0, watch=timedelta(seconds=10), rate=3)
    simulation.run(effects=effects)
    simulation.run()
    assert len(simulation.service.acted) == 6
    assert {result.state for result in simulation.results()} <= {State.STARTED, State.FAILED_AGAIN}


def test_a_daily_limit_ends_it_with_nothing_lost(simulate: Simulate) -> None:
    simulation = simulate(100)
    error = RateLimitError("no requests are left for today", status_code=429)
    error.retry_after = 3600.0
    simulation.faults = lambda request, now: Fault(error) if isinstance(request, Act) and now > 200 else None
    with pytest.raises(RateLimitError, match="for today"):
        simulation.run()
    assert counts(simulation) == {"started": 50, "planned": 50}
    simulation.faults = lambda request, now: None
    simulation.run()
    assert counts(simulation) == {"started": 100}
    assert all(result.workflow_run_id for result in simulation.results())


def test_a_token_that_is_not_accepted_ends_it_with_nothing_unknown(simulate: Simulate) -> None:
    simulation = simulate(100)
    error = AuthenticationError("no", status_code=401)
    simulation.faults = lambda request, now: Fault(error) if isinstance(request, Act) else None
    with pytest.raises(AuthenticationError):
        simulation.run()
    assert counts(simulation) == {"planned": 100}


# The journal fails.


class Full:
    """The disk is full from a moment on, for so many writes."""

    def __init__(self, simulation: Simulation, since: float, writes: int) -> None:
        do = simulation._do

        def failing(effect: Any) -> Any:
            if isinstance(effect, Keep) and simulation.now >= since and simulation.service.acted and self.left:
                self.left -= 1
                raise JournalError("the disk is full")
            return do(effect)

        self.left = writes
        vars(simulation)["_do"] = failing


def test_a_full_disk_ends_it_and_says_what_it_could_not_write(simulate: Simulate) -> None:
    simulation = simulate(100, rate=20, latency=0.5, canary=100)
    full = Full(simulation, 2.0, 10**6)
    with pytest.raises(JournalError, match="the disk is full") as error:
        simulation.run()
    full.left = 0
    acted = set(simulation.service.acted)
    written = {result.dlq_id for result in simulation.results() if result.workflow_run_id}
    unwritten = {result.dlq_id for result in error.value.unwritten}
    assert len(unwritten) >= 10
    assert not written & unwritten
    assert written | unwritten == acted
    assert all(result.workflow_run_id for result in error.value.unwritten)
    simulation.run()
    assert len(simulation.sent) == len(simulation.service.acted) == 100


@pytest.mark.parametrize("date_field", ["entered", "created", "workflow created"])
def test_what_was_written_in_the_last_moment_is_watched_like_the_rest(simulate: Simulate, date_field: str) -> None:
    service = {"date_field": date_field, "after": (1000.0, 1010.0)}
    simulation = simulate(20, 1.0, service=service, rate=20, latency=0.5, canary=20, max_failures=1.0)
    Full(simulation, 0.6, 1)
    with pytest.raises(JournalError) as error:
        simulation.run()
    assert not error.value.unwritten
    before = counts(simulation)["started"]
    assert 1 <= before < 20
    simulation.now = 950.0
    simulation.run()
    assert counts(simulation)["failed again"] == before


# Stopping.


def test_stopped_at_any_moment_it_ends_at_once_and_goes_on_later(simulate: Simulate) -> None:
    ends = set()
    for moment in (0.05, *(tenth / 10 for tenth in range(1, 300, 11))):
        simulation = simulate(60, rate=2, watch=timedelta(seconds=5))
        simulation.stop_at(moment)
        try:
            simulation.run()
        except Stopped:
            # The request in flight, and no more.
            assert simulation.now - moment <= 0.2 + 1e-6
            assert simulation.sent == [sent for sent in simulation.sent if sent[0] <= moment]
        wave = simulation.journal.last_wave()
        ends.add(wave and wave.state)
        assert counts(simulation).get("sending") is None
        simulation.run()
        assert len(simulation.service.acted) == len(simulation.sent) == 60
        assert all(result.workflow_run_id for result in simulation.results())
    assert ends >= {"sending", "watching"}


@pytest.mark.parametrize("kind", [Act, Ask, Look])
def test_stopped_while_the_service_is_down_it_ends(simulate: Simulate, kind: type[Request]) -> None:
    simulation = simulate(60, rate=2)
    simulation.faults = lambda request, now: (
        Fault(server_error()) if isinstance(request, kind | Ask) and (now > 3 or kind is not Act) else None
    )
    simulation.stop_at(6.0)
    with pytest.raises((Stopped, ServerError)):
        simulation.run()
    assert simulation.now <= 12
    simulation.faults = lambda request, now: None
    simulation.run()
    assert len(simulation.service.acted) == 60
