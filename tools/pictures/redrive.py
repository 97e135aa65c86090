"""Draws 20,000 failed runs brought back by a bulk resume and by a redrive: how many were resumed and failed again.

The redrive is the real one, on the clock of the tests' simulation, so an hour takes seconds, and the picture is the
same each time.
"""

from __future__ import annotations

import sys
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "redrive"))

from simulation import Service, Simulation
from upstash_workflow_dlq.redrive import RedrivePaused

RUNS = 20_000
LATENCY = 0.2
RATE = 10
# Of a bulk call, as many as the service starts at a time.
BATCH = 50
# What the provider holds. The redrive's rate is below it, the bulk resume's is not.
CAPACITY = 20
MINUTES = 90

Share = Callable[[Service], Callable[[float], float]]


def recovering(service: Service) -> Callable[[float], float]:
    """The provider is back, and holds CAPACITY runs a second. Those above it fail."""
    second, count = -1, 0

    def share(now: float) -> float:
        nonlocal second, count
        second, count = int(now), count + 1 if int(now) == second else 1
        return float(count > CAPACITY)

    return share


def broken_for_some(service: Service) -> Callable[[float], float]:
    """The fix does not help 30 % of the runs."""
    return lambda now: 0.3


STORIES: dict[str, Share] = {
    f"The provider is back, and holds {CAPACITY} runs a second": recovering,
    "The fix does not help 30 % of the runs": broken_for_some,
}


def service(share: Share) -> Service:
    made = Service(RUNS)
    made.refail = share(made)
    return made


def bulk(share: Share) -> Service:
    made, now = service(share), 0.0
    ids = list(made.queue)
    for first in range(0, RUNS, BATCH):
        now += LATENCY
        for dlq_id in ids[first : first + BATCH]:
            made.act(dlq_id, now)
    made.pass_to(MINUTES * 60)
    return made


def redriven(share: Share) -> Service:
    made = service(share)
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulation(Path(folder), made, latency=LATENCY, rate=RATE) as simulation,
        suppress(RedrivePaused),
    ):
        simulation.run()
    made.pass_to(MINUTES * 60)
    return made


def drawn(axes: Any, moments: Sequence[float], **how: Any) -> None:
    """How many there were by then, at each tenth of a minute."""
    ordered = sorted(moments)
    minutes = [number / 10 for number in range(MINUTES * 10 + 1)]
    axes.plot(minutes, [bisect_right(ordered, minute * 60) for minute in minutes], **how)


def draw(picture: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    # Makes the same figures give the same file.
    matplotlib.rcParams["svg.hashsalt"] = "redrive"
    from matplotlib import pyplot
    from matplotlib.ticker import StrMethodFormatter

    figure, both = pyplot.subplots(1, 2, figsize=(9.6, 4.4), sharey=True, layout="constrained")
    for axes, (title, share) in zip(both, STORIES.items(), strict=True):
        for name, colour, made in (("bulk resume", "tab:red", bulk(share)), ("redrive", "tab:blue", redriven(share))):
            sent, again = list(made.acted.values()), made.failed_again
            print(f"{title}; {name}: {len(sent):,} resumed, {len(again):,} failed again")
            drawn(axes, sent, color=colour, label=f"{name}: {len(sent):,} resumed")
            drawn(axes, again, color=colour, linestyle=":", label=f"{name}: {len(again):,} failed again")
        axes.set(title=title, xlabel="minutes", ylim=(-600, 21_000))
        axes.title.set_fontsize("medium")
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    both[0].set_ylabel("runs")
    figure.savefig(picture, metadata={"Date": None})
