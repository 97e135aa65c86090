"""Everything a person runs here. A bare `nox` runs all that CI runs, in CI's order."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "typing", "drift", "package", "demo", "contract", "tests"]
nox.options.error_on_missing_interpreters = False

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
GENERATED = ROOT / "generated" / "upstash_workflow_rest"


def tools(*groups: str) -> list[str]:
    return list(nox.project.dependency_groups(PYPROJECT, *groups))


@nox.session
def regenerate(session: nox.Session) -> None:
    """Rebuild generated/ from openapi.yaml and generator-config.yaml. Any warning of the generator fails."""
    session.install(*tools("generate"))
    with tempfile.TemporaryDirectory() as folder:
        # Made aside and moved over: a failure leaves what is there, and no stale file survives.
        fresh = Path(folder, GENERATED.name)
        session.run(
            *("openapi-python-client", "generate", "--path", "openapi.yaml", "--config", "generator-config.yaml"),
            *("--meta", "none", "--output-path", str(fresh), "--fail-on-warning"),
            silent=True,
        )
        (fresh / "py.typed").touch()  # which --meta none leaves out
        shutil.rmtree(GENERATED, ignore_errors=True)
        shutil.copytree(fresh, GENERATED)
    session.log(f"rebuilt {GENERATED.relative_to(ROOT)}")


@nox.session
def drift(session: nox.Session) -> None:
    """Regenerate, and fail when anything differs from what is committed, untracked files included."""
    regenerate(session)
    changed = session.run(
        *("git", "status", "--porcelain", "--untracked-files=all", "--", "generated"), external=True, silent=True
    )
    if changed:
        session.error(f"generated/ is not what openapi.yaml and generator-config.yaml give; now changed:\n{changed}")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format of the hand-written code. `nox -s lint -- --fix` mends what it can."""
    session.install(*tools("lint"))
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []))
    session.run("ruff", "format", *([] if fix else ["--check"]))
