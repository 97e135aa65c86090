"""Run by `nox -s package` with the wheel installed and no extras, or with the one that is named: what a user gets."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

SPEC = Path(__file__).parents[2] / "openapi.yaml"


def main() -> None:
    import upstash_workflow_dlq
    import upstash_workflow_rest

    for name in upstash_workflow_dlq.__all__:
        getattr(upstash_workflow_dlq, name)  # which loads it
    rooms = ("upstash_workflow_dlq.emulator", "upstash_workflow_dlq.contract")
    for room in (*rooms, "starlette", "uvicorn", "pytest", "jsonschema_rs", "ruamel"):
        check(room not in sys.modules, f"importing the core does not load {room}")
    for module in (upstash_workflow_dlq, upstash_workflow_rest):
        check("site-packages" in str(module.__file__), f"{module.__name__} is the installed one")
        check(files(module).joinpath("py.typed").is_file(), f"{module.__name__} ships its types")
    version = importlib.metadata.version("upstash-workflow-dlq")
    check(version == upstash_workflow_dlq.__version__, "the version is one")
    recorded = files(upstash_workflow_dlq).joinpath("emulator/recorded.json")
    check(recorded.is_file(), "the recorded page is in the wheel")
    list_through(recorded.read_bytes())
    emulator = subprocess.run(
        [sys.executable, "-I", "-m", "upstash_workflow_dlq.emulator"], capture_output=True, text=True, check=False
    )
    check(emulator.returncode == 1, "the emulator does not start without its extra")
    check("upstash-workflow-dlq[emulator]" in emulator.stderr, "and says which one that is")
    check("Traceback" not in emulator.stderr, "in a line")
    bare = command_line("list")
    check(
        (bare.returncode, len(bare.stderr.splitlines())) == (4, 1), "the command line does not start without its extra"
    )
    check("upstash-workflow-dlq[cli]" in bare.stderr, "and says which one that is")
    spec = files(upstash_workflow_dlq).joinpath("contract/openapi.yaml")
    check(spec.read_bytes() == SPEC.read_bytes(), "the spec is in the wheel as it is in the repository")
    try:
        import upstash_workflow_dlq.contract
    except ImportError as error:
        check('pip install "upstash-workflow-dlq[contract]"' in str(error), "the contract says which extra it needs")
    else:
        check(False, "the contract is not there without its extra")
    try:
        import upstash_workflow_dlq.report
    except ImportError as error:
        check('pip install "upstash-workflow-dlq[report]"' in str(error), "and so does the report")
    else:
        check(False, "the report is not there without its extra")


def with_contract() -> None:
    import httpx
    from upstash_workflow_dlq import DLQClient
    from upstash_workflow_dlq.contract import ContractMonitor
    from upstash_workflow_dlq.contract._spec import spec_path

    check("site-packages" in str(spec_path()), "the installed contract reads the spec of the wheel")
    monitor = ContractMonitor()
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={"dlqId": "1", "new": 1}))
    with DLQClient("t0ken", transport=transport) as dlq, monitor.watching(dlq):
        dlq.get("1")
    check([drift.path for drift in monitor.report()] == ["new"], "and finds what is not in it")


def with_report() -> None:
    from upstash_workflow_dlq import FailedRun
    from upstash_workflow_dlq.report import render

    page = render([FailedRun({"dlqId": "1752829295505-0"})], title="a < b")
    check("<h1>a &lt; b</h1>" in page, "the installed report is rendered, and escaped")
    check('"use strict"' in page, "with its script")


def command_line(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The installed program."""
    program = Path(sys.executable).with_name("upstash-dlq")
    return subprocess.run([str(program), *arguments], capture_output=True, text=True, check=False)  # noqa: S603


def with_cli() -> None:
    shown = command_line("--version")
    check(shown.stdout.startswith("upstash-dlq "), "the installed program runs")
    check("summary" in command_line("--help").stdout, "and has its commands")
    for place in ("bash-completion/completions/upstash-dlq", "zsh/site-functions/_upstash-dlq"):
        check(Path(sys.prefix, "share", place).is_file(), f"{place} is where the shell looks")


def list_through(page: bytes) -> None:
    import httpx
    from upstash_workflow_dlq import DLQClient

    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=page))
    with DLQClient("t0ken", transport=transport) as dlq:
        run = dlq.list().first()
    check(run is not None and run.failure.name == "WorkflowNonRetryableError", "it reads the recorded run")


def check(holds: bool, claim: str) -> None:
    if not holds:
        sys.exit(f"not so: {claim}")
    print(f"  {claim}")


{"contract": with_contract, "cli": with_cli, "report": with_report}.get(sys.argv[-1], main)()
