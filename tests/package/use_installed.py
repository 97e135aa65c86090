"""Run by `nox -s package` with the wheel installed and no extras: what a user gets."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from importlib.resources import files


def main() -> None:
    import upstash_workflow_dlq
    import upstash_workflow_rest

    for room in ("starlette", "uvicorn", "pytest", "upstash_workflow_dlq.emulator"):
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


main()
