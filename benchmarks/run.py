"""`nox -s bench`: this client compared with its peers, as ratios from one run. Takes about three minutes.

It prints a table, writes it as JSON, and draws time against workers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import clients
from server import END, START

HERE = Path(__file__).parent
PAGES = 100
RUNS = 100 * PAGES
WORKERS = (1, 2, 4, 8, 16, 32)

rows: list[dict[str, Any]] = []


def row(figure: str, value: float, *, at_least: float | None = None, at_most: float | None = None, **also: Any) -> None:
    """Add a row to the table. The rounded value is compared with the target, since the noise is larger than 0.01."""
    value = round(value, 2)
    target, holds = "", None
    if at_least is not None:
        target, holds = f">= {at_least}", value >= at_least
    elif at_most is not None:
        target, holds = f"<= {at_most}", value <= at_most
    rows.append({"figure": figure, "value": value, "target": target, "holds": holds, **also})
    mark = {True: "holds", False: "MISSED", None: ""}[holds]
    details = ", ".join(f"{name.replace('_', ' ')} {detail:.4g}" for name, detail in also.items())
    print(f"{figure:54} {value:7.2f}  {target:8} {mark:6}  {details}".rstrip(), flush=True)


@contextmanager
def service(runs: int = RUNS, shape: str = "uniform", latency: float = 0.0) -> Iterator[str]:
    command = [sys.executable, HERE / "server.py", "--runs", runs, "--shape", shape, "--latency", latency]
    pipe = subprocess.PIPE
    with subprocess.Popen([*map(str, command)], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None  # noqa: S101
        yield process.stdout.readline().strip()


def output(*command: object) -> str:
    finished = subprocess.run(list(map(str, command)), check=True, text=True, stdout=subprocess.PIPE)
    return finished.stdout


def expect(count: int, runs: int = RUNS) -> None:
    if count != runs:
        raise SystemExit(f"a client returned {count} of {runs} runs, so its time means nothing")


def cpu(run: Callable[[str], int], url: str) -> float:
    """Microseconds of CPU per page."""
    before = time.process_time()
    expect(run(url))
    return (time.process_time() - before) / PAGES * 1e6


def wall(run: Callable[[], int], runs: int = RUNS) -> float:
    """Seconds."""
    before = time.perf_counter()
    expect(run(), runs)
    return time.perf_counter() - before


def in_turn(measures: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Measure in turn, so that the figures of a round have the same conditions. The first round does not count."""
    measured: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds + 1):
        for name, measure in measures.items():
            value = measure()
            if number:
                measured[name].append(value)
    return measured


def ratio(measured: dict[str, list[float]], one: str, other: str) -> float:
    """The median over the rounds of the ratio within a round."""
    return median(a / b for a, b in zip(measured[one], measured[other], strict=True))


def cpu_per_page(sdk: Path | None) -> None:
    with service() as url:
        for kind, peers, target in (("sync", clients.SYNC, 2.2), ("async", clients.ASYNC, 2.0)):
            measured = in_turn({name: partial(cpu, run, url) for name, run in peers.items()}, rounds=15)
            details = {f"{name}_us": median(values) for name, values in measured.items()}
            figure = f"CPU per page, {kind}: qstash / ours"
            row(figure, ratio(measured, "qstash", "ours"), at_least=target, **details)
            row(f"  {kind}: generated / ours", ratio(measured, "generated", "ours"))
            if kind == "sync":
                row("  sync: httpx's transport alone / ours", ratio(measured, "transport", "ours"))
        if sdk is not None:
            microseconds = float(output("node", HERE / "list.mjs", sdk, url))
            own = median(cpu(clients.ours, url) for _ in range(7))
            row("  sync: @upstash/workflow on Node / ours", microseconds / own)


def scans(picture: Path) -> None:
    seconds: dict[str, list[float]] = {}
    for shape, target in (("uniform", 7), ("bursty", 5)):
        with service(shape=shape, latency=0.08) as url:
            peer = min(wall(partial(run, url)) for run in (clients.qstash, clients.generated))
            seconds[shape] = [wall(partial(clients.scan, url, START, END, workers=workers)) for workers in WORKERS]
            own = median(wall(partial(clients.scan, url, START, END)) for _ in range(3))
            figure = f"scan, 8 workers, 80 ms, {shape}: best peer / ours"
            row(figure, peer / own, at_least=target, peer_s=peer, ours_s=own)
            row(f"  {shape}, async", peer / wall(partial(clients.scan_async, url, START, END)))
            undated = median(wall(partial(clients.scan, url)) for _ in range(3))
            row(f"  {shape}, no dates given", peer / undated, at_least=target)
    draw(seconds, picture)


def draw(seconds: dict[str, list[float]], picture: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    # Makes the same figures give the same file.
    matplotlib.rcParams["svg.hashsalt"] = "workers"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 4), layout="constrained")
    for shape, values in seconds.items():
        axes.plot(WORKERS, values, marker="o", label=f"{shape} data")
    ideal = [seconds["uniform"][0] / workers for workers in WORKERS]
    axes.plot(WORKERS, ideal, "k:", label="one worker's time, divided")
    axes.set(xscale="log", yscale="log", xlabel="workers", ylabel="seconds for 10,000 runs at 80 ms")
    axes.set_xticks(WORKERS, [str(workers) for workers in WORKERS])
    ticks = [0.25, 0.5, 1, 2, 4, 8]
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(picture, metadata={"Date": None})


def prefetch() -> None:
    def slowly(url: str, **options: Any) -> float:
        from upstash_workflow_dlq import DLQClient

        before = time.perf_counter()
        with DLQClient(clients.TOKEN, base_url=url) as dlq:
            for _ in dlq.list(**options).pages():
                time.sleep(0.01)
        return time.perf_counter() - before

    with service(runs=4000, latency=0.02) as url:
        measures = {"without": partial(slowly, url), "with": partial(slowly, url, prefetch=True)}
        measured = in_turn(measures, rounds=9)
    figure = "prefetch, 10 ms a page, 20 ms latency: without / with"
    row(figure, ratio(measured, "without", "with"), at_least=1.45)


# Each runs in its own process. Memory is counted from what the process has after 500 runs.
GROWTH = """
import sys, time
from pathlib import Path
sys.path.insert(0, {folder!r})
import clients

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

most = 0

def look(count):
    global most
    if count % 100 == 50:
        most = max(most, resident())

clients.{client}({url!r}, limit=500)
start, most, began = resident(), 0, time.process_time()
count = clients.{client}({url!r}, limit={runs}, look=look)
assert count == {runs}, count
print((most - start) / 2**20, (time.process_time() - began) / count * 1e6)
"""


def growth() -> None:
    measured: dict[tuple[str, int], tuple[float, float]] = {}
    with service(runs=100_000) as url:
        for client, runs in (*(("ours", 10**power) for power in (3, 4, 5)), ("qstash", 10**5), ("generated", 10**5)):
            program = GROWTH.format(folder=str(HERE), client=client, url=url, runs=runs)
            mebibytes, microseconds = map(float, output(sys.executable, "-c", program).split())
            measured[client, runs] = mebibytes, microseconds
            row(f"CPU per run over {runs:,} runs, {client}, us", microseconds, MiB=mebibytes)
    own, peers = measured["ours", 10**5][0], {name: measured[name, 10**5][0] for name in ("qstash", "generated")}
    row("memory above start over 100,000 runs, MiB", own, at_most=2, **peers)


IMPORTS = {
    "bare": "",
    "ours": "import upstash_workflow_dlq",
    "client": "from upstash_workflow_dlq import DLQClient",
    "qstash": "import qstash",
    "httpx": "import httpx",
}
FIRST_PAGE = {
    "ours": """
from upstash_workflow_dlq import DLQClient
with DLQClient("t0ken", base_url={url!r}) as dlq:
    next(dlq.list().pages())
""",
    "qstash": """
from qstash import QStash
QStash("t0ken", base_url={url!r}).dlq.list(count=100)
""",
    "httpx": """
import httpx
with httpx.Client(base_url={url!r}) as http:
    http.get("/v2/workflows/dlq").json()
""",
}


def starts() -> None:
    def start(program: str) -> float:
        before = time.perf_counter()
        output(sys.executable, "-c", program)
        return time.perf_counter() - before

    measured = in_turn({name: partial(start, program) for name, program in IMPORTS.items()}, rounds=15)
    above = {
        name: [value - bare for value, bare in zip(values, measured["bare"], strict=True)]
        for name, values in measured.items()
    }
    row("import upstash_workflow_dlq / import qstash", ratio(above, "ours", "qstash"), at_most=0.75)
    row("  import DLQClient from it / import qstash", ratio(above, "client", "qstash"), at_most=0.75)
    row("  import httpx / import qstash", ratio(above, "httpx", "qstash"))
    with service(runs=1000) as url:
        programs = {name: partial(start, program.format(url=url)) for name, program in FIRST_PAGE.items()}
        measured = in_turn(programs, rounds=15)
    row("process start to first page: ours / qstash", ratio(measured, "ours", "qstash"), at_most=0.85)
    row("  httpx alone / qstash", ratio(measured, "httpx", "qstash"))


LISTED = """
from upstash_workflow_dlq import DLQClient
with DLQClient({token!r}, base_url={url!r}) as dlq:
    for run in dlq.list():
        print(run.dlq_id)
"""


def command_line() -> None:
    def start(*command: str) -> float:
        before = time.perf_counter()
        output(sys.executable, *command)
        return time.perf_counter() - before

    cli = ("-m", "upstash_workflow_dlq")
    measured = in_turn({"help": partial(start, *cli, "--help"), "bare": partial(start, "-c", "pass")}, rounds=15)
    row("upstash-dlq --help / python -c pass", ratio(measured, "help", "bare"), at_most=8)
    with service() as url:
        os.environ |= {"QSTASH_URL": url, "QSTASH_TOKEN": clients.TOKEN}
        listing = {
            "command": partial(start, *cli, "list", "-o", "ids"),
            "library": partial(start, "-c", LISTED.format(token=clients.TOKEN, url=url)),
        }
        measured = in_turn(listing, rounds=9)
    row("upstash-dlq list -o ids / the library, 10,000 runs", ratio(measured, "command", "library"), at_most=1.3)


# In a process of its own: memory is counted from what it has after 500 runs.
ARCHIVED = """
import os, sys, tempfile, time
from pathlib import Path
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.archive import Archive

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def timed(what):
    before = time.perf_counter()
    what()
    return time.perf_counter() - before

most = 0

def look(done):
    global most
    most = max(most, resident())

with tempfile.TemporaryDirectory() as folder, DLQClient({token!r}, base_url={url!r}) as dlq:
    for number, _ in enumerate(dlq.scan()):
        if number == 500:
            break
    scanned, start = timed(lambda: sum(1 for _ in dlq.scan())), resident()
    with Archive(Path(folder, "failed.db")) as archive:
        synced = timed(lambda: archive.sync(dlq, on_progress=look))
        assert archive.count() == {runs}
        grouped = min(timed(archive.summarize) for _ in range(5))
    print(scanned / synced, grouped, (most - start) / 2**20, os.path.getsize(Path(folder, "failed.db")) / 1e6)
"""


def archive() -> None:
    runs = 100_000
    with service(runs=runs, latency=0.08) as url:
        program = ARCHIVED.format(token=clients.TOKEN, url=url, runs=runs)
        speed, grouped, mebibytes, megabytes = map(float, output(sys.executable, "-c", program).split())
    row("archive, 100,000 runs at 80 ms: scan / sync, in time", speed, at_least=0.8)
    row("  its memory above start, MiB", mebibytes, at_most=40)
    row("  the file, MB", megabytes, at_most=60)
    row("  groups of all of them, s", grouped, at_most=0.2)


def clients_made() -> None:
    from upstash_workflow_dlq import DLQClient

    DLQClient(clients.TOKEN).close()
    each = []
    for _ in range(100):
        before = time.perf_counter()
        DLQClient(clients.TOKEN).close()
        each.append((time.perf_counter() - before) * 1000)
    row("a client made and closed after the first, ms", median(each), at_most=2, slowest=max(each))


# In its own process. Memory is counted from what it has after a plan of 500 runs.
PLAN = """
import sys, time
from pathlib import Path
from statistics import median
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.redrive import Redrive

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def seconds(call):
    before = time.perf_counter()
    call()
    return time.perf_counter() - before

most = 0

def look(count):
    global most
    most = max(most, resident())

folder = Path({folder!r})
with DLQClient("t0ken", base_url={url!r}) as dlq:
    Redrive.plan(folder / "few", dlq, "resume", dlq_ids=list(dlq.list(limit=500))).close()
    start = resident()
    with Redrive.plan(folder / "many", dlq, "resume", all=True, on_progress=look) as redrive:
        redrive.status()
        status = median(seconds(redrive.status) for _ in range(15))
print((most - start) / 2**20, (folder / "many").stat().st_size / 1e6, status)
"""


def redrives(runs: int = 1000, workers: int = 4) -> None:
    from upstash_workflow_dlq import DLQClient
    from upstash_workflow_dlq.redrive import Redrive

    with tempfile.TemporaryDirectory() as folder:
        with service(runs=runs, latency=0.02) as url:
            plan, path = Path(folder, "plan"), Path(folder, "redrive")
            with DLQClient(clients.TOKEN, base_url=url) as dlq:
                ids = [run.dlq_id for run in dlq.list() if run.dlq_id]
                Redrive.plan(plan, dlq, "resume", all=True).close()

            def redrive(run: Callable[..., int], **options: Any) -> float:
                for old in Path(folder).glob(f"{path.name}*"):
                    old.unlink()
                shutil.copy(plan, path)
                return wall(partial(run, url, path, **options), runs)

            # As many a second as so many threads can send, each after the other's answer.
            rate = workers / 0.02
            measures: dict[str, Callable[[], float]] = {
                "sync": partial(redrive, clients.redrive, rate=rate),
                "sync, equal workers": partial(redrive, clients.redrive, rate=10_000, workers=workers),
                "plain": partial(wall, partial(clients.resumes, url, ids, workers), runs),
                "async": partial(redrive, clients.redrive_async, rate=rate),
                "async, equal workers": partial(redrive, clients.redrive_async, rate=10_000, workers=workers),
                "plain async": partial(wall, partial(clients.resumes_async, url, ids, workers), runs),
            }
            measured = in_turn(measures, rounds=7)
        for kind, plain in (("sync", "plain"), ("async", "plain async")):
            details = {"redrive_s": median(measured[kind]), "plain_s": median(measured[plain])}
            figure = f"redrive, 20 ms, {rate:.0f} a second, {kind}: ours / {workers} plain resumes at a time"
            row(figure, ratio(measured, kind, plain), at_most=1.1, **details)
            # What the disk takes to sync is in this one: a worker waits for it before it begins the next request.
            row(f"  {kind}, with {workers} workers at most", ratio(measured, f"{kind}, equal workers", plain))
        with service(runs=100_000) as url:
            figures = output(sys.executable, "-c", PLAN.format(folder=folder, url=url))
        mebibytes, megabytes, seconds = map(float, figures.split())
        row("memory above start, plan of 100,000 runs, MiB", mebibytes, at_most=60)
        row("its journal, MB", megabytes, at_most=150)
        row("its status(), s", seconds, at_most=0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="write the table to this file")
    parser.add_argument("--picture", type=Path, default=Path("workers.svg"), help="write the picture to this file")
    parser.add_argument("--sdk", type=Path, help="the folder where npm installed @upstash/workflow")
    options = parser.parse_args()
    starts()
    clients_made()
    command_line()
    cpu_per_page(options.sdk)
    growth()
    prefetch()
    redrives()
    scans(options.picture)
    archive()
    names = ("upstash-workflow-dlq", "qstash", "httpx", "msgspec")
    document = {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in names},
        "rows": rows,
    }
    options.json.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    print(f"Wrote the table to {options.json} and time against workers to {options.picture}.")
    if missed := [line["figure"] for line in rows if line["holds"] is False]:
        print("Missed in this run:", "; ".join(missed))


if __name__ == "__main__":
    main()
