"""The examples in docstrings are true: each runs by itself against an emulator, to its last line."""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import re
import sys
import time
import tokenize
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import upstash_workflow_dlq
from public_names import PACKAGE, members, public_values, rooms
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.archive import Archive
from upstash_workflow_dlq.emulator import Emulator, failed_runs, faults
from upstash_workflow_dlq.redrive import Redrive, Settings
from upstash_workflow_dlq.redrive._base import File, RunOptions

pytestmark = pytest.mark.untraced

FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def docstrings() -> Iterator[tuple[str, Any]]:
    """Everything that may have one, under the name that people import it by."""
    for room in rooms():
        yield room, importlib.import_module(room)
    for name, value in public_values():
        yield name, value
        if inspect.isclass(value):
            yield from ((f"{name}.{member}", found) for member, found in members(value))


def examples() -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in docstrings():
        for number, code in enumerate(FENCE.findall(inspect.getdoc(value) or ""), 1):
            if code not in found.values():  # one that is inherited, or has several names, runs once
                short = name.removeprefix(f"{PACKAGE}.")
                found[short if number == 1 else f"{short} {number}"] = code
    return found


EXAMPLES = examples()

WANTED = (
    *("DLQClient", "AsyncDLQClient", *(f"DLQClient.{name}" for name in ("list", "scan", "windows"))),
    *("DLQClient.resume_many", "DLQClient.delete_many", "bulk_progress", "BulkError", "triage.summarize"),
    *("redrive.Redrive", "archive.Archive", "archive.Archive.keep", "report.render"),
    *("contract.ContractMonitor", "emulator.Emulator"),
)


@pytest.mark.parametrize("name", WANTED)
def test_what_people_look_up_has_an_example(name: str) -> None:
    assert name in EXAMPLES


def test_every_example_of_the_package_is_found() -> None:
    """Also one that no reference would show, such as in the docstring of a private module."""
    [package] = upstash_workflow_dlq.__path__
    sources = [path.read_text("utf-8") for path in Path(package).rglob("*.py")]
    assert sum(text.count("```python") for text in sources) == len(EXAMPLES)


def test_they_fit_on_their_pages() -> None:
    """So many characters stand beside the navigation of the reference. Longer lines have to be scrolled."""
    assert [(name, line) for name, code in EXAMPLES.items() for line in code.splitlines() if len(line) > 82] == []


@dataclass
class Place:
    """The queue that an example meets, and an open client of it."""

    emulator: Emulator
    dlq: DLQClient


def a_lost_answer(place: Place) -> None:
    place.emulator.fail(faults.reset_after_acting(), method="POST")


def a_failing_second_batch(place: Place) -> None:
    place.emulator.fail(faults.status(500), method="POST", after=1)


def ctrl_c_in_the_second_batch(place: Place) -> None:
    posts = count(1)

    def interrupt(response: Any) -> None:
        if response.request.method == "POST" and next(posts) == 2:
            raise KeyboardInterrupt

    place.dlq.response_hooks.append(interrupt)


def runs_that_fail_again_after_the_canary(place: Place) -> None:
    sent = count(1)

    def look(response: Any) -> None:
        if response.request.method == "POST" and next(sent) == Settings.canary:
            place.emulator.settings.refail = 1.0
            place.emulator.settings.refail_after = 0.0

    place.dlq.response_hooks.append(look)


# What has to go wrong for each line of an example to run.
CIRCUMSTANCES: dict[str, Callable[[Place], None]] = {
    "BulkError": a_failing_second_batch,
    "TransportError": a_lost_answer,
    "bulk_progress": ctrl_c_in_the_second_batch,
    "redrive.Redrive.run": runs_that_fail_again_after_the_canary,
}


def test_circumstances_are_those_of_examples() -> None:
    assert CIRCUMSTANCES.keys() <= EXAMPLES.keys()


@pytest.fixture(scope="module")
def payloads() -> list[dict[str, Any]]:
    """Failed a moment ago, a minute apart. More than 50 have the label "billing": a bulk call takes two requests."""
    return failed_runs(200, newest=time.time_ns() // 1_000_000)


@pytest.fixture
def place(payloads: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """What a reader has: an environment that points to a queue, and a folder of their own."""
    monkeypatch.chdir(tmp_path)
    with Emulator(payloads) as emulator:
        for name, value in emulator.environ.items():
            monkeypatch.setenv(name, value)
        with DLQClient() as dlq:
            yield Place(emulator, dlq)


@pytest.fixture(autouse=True)
def _redrives_wait_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever rate and time to watch an example has: for a queue of readers, not for a test."""
    begin = File.begin

    def hurried(self: File, dlq: Any, options: RunOptions) -> None:
        begin(self, dlq, {**options, "rate": 10_000, "watch": timedelta(0)})

    monkeypatch.setattr(File, "begin", hurried)


# A method is that of its class's usual name. The docstring of the class says how to get one; `dlq` is an open client
# everywhere. Everything else an example imports or makes itself.
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(name: str, place: Place, dlq_emulator: Emulator) -> None:
    given: dict[str, Any] = {"dlq": place.dlq}
    with ExitStack() as stack:
        if name.startswith("FailedRun."):
            given["run"] = next(run for run in place.dlq.list() if run.steps)
        if name.startswith("archive.Archive."):
            given["archive"] = stack.enter_context(Archive("failed.db"))
            given["archive"].sync(place.dlq)
        if name.startswith("redrive.Redrive."):
            planned = Redrive.plan("billing.redrive", place.dlq, "resume", label="billing")
            given["redrive"] = stack.enter_context(planned)
        if name.startswith("emulator.Emulator."):
            given["emulator"] = dlq_emulator
        if name in CIRCUMSTANCES:
            CIRCUMSTANCES[name](place)
        run_example(EXAMPLES[name], given, dlq_emulator)


def run_example(code: str, given: dict[str, Any], dlq_emulator: Emulator) -> None:
    """Runs it, and the test that it may define. Its lines all run, and print what the comments behind them say."""
    tree = ast.parse(code)
    lines = {node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt)}
    reached: set[int] = set()
    printed: dict[int, str] = {}

    def show(*values: object) -> None:
        line = sys._getframe(1).f_lineno
        printed[line] = printed.get(line, "") + " ".join(map(str, values))

    namespace = {**given, "__name__": "example", "print": show, "_reached": reached.add}
    exec(compile(ast.fix_missing_locations(Marked().visit(tree)), "<example>", "exec"), namespace)  # noqa: S102
    for test in [value for name, value in namespace.items() if name.startswith("test_")]:
        test(dlq_emulator)
    assert lines - reached == set(), "these lines did not run"
    shown = results(code)
    assert {line: printed[line] for line in shown} == shown


class Marked(ast.NodeTransformer):
    """Each statement says that it is reached."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(node, field, None)
            if isinstance(statements, list):
                setattr(node, field, [part for statement in statements for part in (_mark(statement), statement)])
        return node


def _mark(statement: ast.stmt) -> ast.stmt:
    [mark] = ast.parse(f"_reached({statement.lineno})").body
    return mark


def results(code: str) -> dict[int, str]:
    """What a `print` is said to print: the comment behind it, by its line."""
    found = {}
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT and token.line.lstrip().startswith("print("):
            found[token.start[0]] = token.string.removeprefix("# ")
    return found


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("print(1 + 1)  # 3", "2"),
        ("if dlq:\n    print('never')", "these lines did not run"),
        ("try:\n    pass\nexcept ValueError:\n    print('never')", "these lines did not run"),
        ("def test_it(dlq_emulator):\n    assert dlq_emulator.runs, 'no runs'", "no runs"),
    ],
)
def test_an_example_that_is_not_true_fails(code: str, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        run_example(code, {"dlq": None}, Emulator())


def test_an_example_that_is_true_passes() -> None:
    run_example("if not dlq:\n    print(1 + 1)  # 2", {"dlq": None}, Emulator())
