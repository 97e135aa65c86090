"""Everything a person runs here. A bare `nox` runs what CI runs, in CI's order, but for `rehearse`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2026.10.20"
# Without `contract`, whose tests `tests` runs, and `rehearse`, which runs them all a second time.
nox.options.sessions = [
    "lint",
    "typing",
    "drift",
    "package",
    "demo",
    "docs",
    "tests_of_tools",
    "tests_of_cli",
    "tests_of_emulator",
    "tests_of_redrive",
    "tests_of_archive",
    "tests_of_docs",
    "tests",
]
# Of those that allow it: they use one processor each, and write nothing that another reads. The tests use two.
nox.options.parallel = 2
nox.options.error_on_missing_interpreters = False
# uv makes an environment in seconds, pip in up to a minute. nox takes it from `nox[uv]` or from the PATH.
nox.options.default_venv_backend = "uv|virtualenv"
# As pip does. Otherwise each process of a session compiles what it imports; tests start many.
os.environ.setdefault("UV_COMPILE_BYTECODE", "1")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Versions of the vendor's SDK, each with a version of the package that does its HTTP: the first and the last that
# `interop` knows, and those between them where either of the two changed. Pinned: `interop` asserts what they send.
JAVASCRIPT_SDKS = {
    "0.2.23": "2.8.2",
    "1.0.0": "2.8.4",
    "1.1.1": "2.9.0-rc",
    "1.2.0": "2.10.1",
    "1.2.1": "2.10.1",
    "1.3.0": "2.11.0",
    "1.3.3": "2.12.0",
}
NEWEST_SDK = "1.3.3"

# The second takes over half of what the first has left: tests of the network wait more than they compute.
IN_TWO_PROCESSES = ("--numprocesses=2", "--dist=worksteal")
OF_THE_COMMAND_LINE = (
    "tests/cli",
    "tests/report",
    "tests/test_demo.py",
    "tests/unit/test_triage.py",
)
OF_THE_ARCHIVE = ("tests/archive", "tests/unit/test_matching.py")
# Each has a session of its own, with what only it needs.
ELSEWHERE = ("tests/tools", "tests/redrive", "tests/distributed", "tests/browser", "tests/docs", *OF_THE_ARCHIVE)
OF_THE_CLIENT = (
    *IN_TWO_PROCESSES,
    *(f"--ignore={path}" for path in ("tests/emulator", *ELSEWHERE, *OF_THE_COMMAND_LINE)),
)

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
EXTRAS = sorted(PYPROJECT["project"]["optional-dependencies"])
LICENCES = """\
# Licences of what this depends on

The package itself is under the MIT licence. This is what it and all of its extras install, with what that installs in
turn. Made by `nox -s licences`.
"""


def tools(*groups: str) -> list[str]:
    return list(nox.project.dependency_groups(PYPROJECT, *groups))


@nox.session
def regenerate(session: nox.Session) -> None:
    """Rebuild generated/ from openapi.yaml and generator-config.yaml. Any warning of the generator is an error."""
    session.install(*tools("generate"))
    session.run("python", "-m", "tools.spec.regenerate")


@nox.session
def drift(session: nox.Session) -> None:
    """Regenerate, and fail when anything differs from what is committed, untracked files included.

    `-- --live` asks the real service how its answers drift from openapi.yaml (reads only; needs QSTASH_TOKEN);
    `-- --report FILE` reads what a ContractMonitor wrote. `--add` adds to openapi.yaml what is new. Exits as spec_diff.
    """
    if session.posargs:
        drift_of_the_service(session)
        return
    regenerate(session)
    changed = session.run(
        *("git", "status", "--porcelain", "--untracked-files=all", "--", "generated"), external=True, silent=True
    )
    if changed:
        session.error(f"generated/ is not what openapi.yaml and generator-config.yaml give; now changed:\n{changed}")


def drift_of_the_service(session: nox.Session) -> None:
    parser = argparse.ArgumentParser(prog="nox -s drift --")
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--report", default="drift-report.json")
    options, others = parser.parse_known_args(session.posargs)
    if options.live:
        session.install("-e", ".[cli,emulator,contract]", *tools("tests"))
        # 1: the tests have found drift. 5: there was no token, so they were skipped.
        report = ("--report", options.report)
        session.run("pytest", "tests/contract/live.py", "-rs", "--tb=line", *report, success_codes=[0, 1, 5])
    else:
        session.install(*tools("spec"))
    run_with_its_status(session, "tools.spec.drift", options.report, *others)


@nox.session
def update_spec(session: nox.Session) -> None:
    """Bring openapi.yaml up to SOURCE… (paths, https URLs) and say what changed; `--json`. Exits as spec_diff does."""
    session.install(*tools("spec"))
    run_with_its_status(session, "tools.spec.update", *session.posargs)


@nox.session
def spec_diff(session: nox.Session) -> None:
    """What changed from OLD to NEW for users; `--json`. Exits with 1 if anything breaks, 2 for bad input, else 0."""
    session.install(*tools("spec"))
    run_with_its_status(session, "tools.spec.diff", *session.posargs)


def run_with_its_status(session: nox.Session, module: str, *arguments: str) -> None:
    try:
        session.run("python", "-m", module, *arguments)
    except nox.command.CommandFailed as failed:
        # Any failure of a session would end nox with 1, which would say here that something breaks.
        sys.exit(getattr(failed, "return_code", None) or 2)


@nox.session
def verdicts(session: nox.Session) -> None:
    """Every edit of a spec whose class is known, and 2,000 pairs of them (`-- NUMBER` for more). Takes five minutes."""
    session.install(*tools("tests"), "-e", ".[cli,emulator,contract]")
    examples = session.posargs[0] if session.posargs else "2000"
    session.run("pytest", "tests/tools/test_verdicts.py", env={"VERDICT_EXAMPLES": examples})


@nox.session
def rehearse(session: nox.Session) -> None:
    """Two newer specs, made up, in a copy of the tree: update, regenerate, and all tests of the client as it is.

    Takes three minutes; CI runs it beside the others.
    """
    session.install(*tools("generate", "tests"))
    left_out = shutil.ignore_patterns(".git", ".nox", ".venv", ".*cache", "__pycache__", "build", "dist", "*.egg-info")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "tree")
        shutil.copytree(ROOT, copy, ignore=left_out)
        with session.chdir(copy):
            specs = "tests/tools/specs"
            newer = session.run("python", f"{specs}/harmless.py", silent=True, log=False)
            Path("harmless.yaml").write_text(str(newer), "utf-8")
            # Together with what is there, or everything that it lacks would be gone.
            session.run("python", "-m", "tools.spec.update", "openapi.yaml", "harmless.yaml")
            # As the vendor publishes it, with a server by region: 1, since that breaks.
            session.run("python", "-m", "tools.spec.update", f"{specs}/published.yaml", success_codes=[1])
            session.run("python", "-m", "tools.spec.regenerate")
            session.install("-e", ".[cli,emulator,contract,report]", silent=True)
            session.run("pytest", *OF_THE_CLIENT, *session.posargs)


@nox.session(allow_parallel=True)
def lint(session: nox.Session) -> None:
    """Check style and format of the hand-written code, and the workflows. `-- --fix` mends what it can of the code."""
    session.install(*tools("lint", "workflows"))
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []))
    session.run("ruff", "format", *([] if fix else ["--check"]))
    workflows = [str(path.relative_to(ROOT)) for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
    session.run("check-jsonschema", "--builtin-schema=vendor.github-workflows", *workflows)
    session.run("zizmor", "--quiet", "--offline", ".github")


@nox.session(allow_parallel=True)
def typing(session: nox.Session) -> None:
    """mypy --strict over everything written here, and over the generated client."""
    session.install("-e", ".[cli,emulator,contract,report]", *tools("typing"))
    session.run("mypy")


@nox.session(allow_parallel=True)
def package(session: nox.Session) -> None:
    """Build sdist and wheel, check them, and use the installed wheel in a clean environment, first without extras. Then
    install from a checkout as the pages say.

    `-- FOLDER` puts them there.
    """
    session.install(*tools("package"))
    if session.posargs:
        dist = Path(*session.posargs).resolve()
        if dist.exists():
            session.error(f"{dist} exists already: name a new folder, so that nothing else is checked or published")
    else:
        dist = Path(session.create_tmp(), "dist").resolve()
        shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist), silent=True)
    session.run("twine", "check", "--strict", *map(str, dist.iterdir()))
    clean = Path(session.create_tmp(), "clean").resolve()
    session.run("python", "-m", "venv", "--clear", str(clean))
    python = str(next(path for path in (clean / "bin/python", clean / "Scripts/python.exe") if path.exists()))
    wheel = str(next(dist.glob("*.whl")))
    script = str(ROOT / "tests" / "package" / "use_installed.py")
    # uv installs in a second what pip takes ten for.
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    install = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    # From another folder: here, Python could find the packages in the checkout.
    with session.chdir(dist):
        for extra in ([], ["contract"], ["cli"], ["report"]):
            required = f"{wheel}[{extra[0]}]" if extra else wheel
            session.run(*install, "--quiet", required, external=True)
            session.run(python, "-I", script, *extra, external=True)
    session.run("python", "tests/docs/installing.py", env={"UV": uv})


@nox.session(venv_backend="uv")
def tests_of_lowest(session: nox.Session) -> None:
    """All tests but those of the tools, with the lowest versions that pyproject.toml allows. Needs uv."""
    extras = "cli,emulator,contract,report,parquet"
    session.install("--resolution=lowest-direct", "-e", f".[{extras}]", *tools("tests"))
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    # What is loaded, and how a bar is drawn, differs. No promise is about that.
    of_speed = "tests/unit/test_api.py::test_a_start_and_a_list_load_nothing_they_do_not_use"
    ignored = [f"--ignore={path}" for path in ELSEWHERE if path not in ("tests/redrive", "tests/docs")]
    session.run("pytest", *ignored, f"--deselect={of_speed}", *IN_TWO_PROCESSES)


@nox.session
def audit(session: nox.Session) -> None:
    """Look all that users install up among known vulnerabilities, with all extras. Needs the internet.

    `-- ARGS` passes ARGS to pip-audit.
    """
    session.install(*tools("audit"))
    session.run("python", "-m", "tools.audit", f".[{','.join(EXTRAS)}]", *session.posargs)


@nox.session
def licences(session: nox.Session) -> None:
    """Write docs/licences.md: what we depend on, and under which licences."""
    session.install("-e", f".[{','.join(EXTRAS)}]")
    python = str(Path(session.bin, "python"))
    left_out = ("--ignore-packages", PYPROJECT["project"]["name"], "pip", "setuptools", "wheel")
    with tempfile.TemporaryDirectory() as folder:
        # In an environment of its own: it is none of our dependencies.
        session.run("python", "-m", "venv", folder)
        tool = Path(folder, "bin", "python")
        session.run(str(tool), "-m", "pip", "install", "--quiet", *tools("licences"), external=True)
        table = session.run(
            *(str(tool), "-m", "piplicenses", f"--python={python}", "--format=markdown", "--from=mixed"),
            *("--with-urls", "--no-version", *left_out),
            external=True,
            silent=True,
        )
    Path("docs/licences.md").write_text(f"{LICENCES}\n{str(table).strip()}\n", "utf-8")


@nox.session
def tests_of_wheel(session: nox.Session) -> None:
    """All tests of what is shipped, against the wheel `-- FILE` instead of the checkout: what will be published."""
    if len(session.posargs) != 1:
        session.error("pass the wheel: nox -s tests_of_wheel -- dist/NAME.whl")
    wheel = Path(session.posargs[0]).resolve()
    groups = ("tests_of_cli", "tests_of_archive", "tests_of_docs")
    session.install(f"{wheel}[cli,emulator,contract,report,parquet]", *tools(*groups))
    session.run("python", "-c", "import upstash_workflow_dlq as it; assert 'site-packages' in it.__file__, it.__file__")
    # The one test that is about the checkout.
    of_checkout = "tests/contract/test_checks.py::test_a_checkout_has_the_spec_in_its_root_only"
    others = ("tests/tools", "tests/distributed", "tests/browser")
    session.run("pytest", *(f"--ignore={path}" for path in others), f"--deselect={of_checkout}", *IN_TWO_PROCESSES)


@nox.session(allow_parallel=True)
def demo(session: nox.Session) -> None:
    """A night on call from start to end: the command line, against the emulator."""
    session.install("-e", ".[cli,emulator]", silent=True)
    session.run("python", "examples/night.py")


@nox.session(allow_parallel=True)
def docs(session: nox.Session) -> None:
    """Build the site in site/, and check its links, what it loads, and that it shows every public name.

    Its pictures are drawn anew. Fails if those in docs/ show anything else.
    """
    session.install("-e", ".[cli,emulator,contract,report]", *tools("docs", "pictures"), silent=True)
    pictures = ROOT / "build" / "pictures"
    shutil.rmtree(pictures, ignore_errors=True)
    draw_pictures(session, pictures, "--like", "docs")
    session.run("python", "-m", "tools.site.commands", "build/commands.md")
    # Zensical leaves pages behind that are no longer there.
    shutil.rmtree(ROOT / "site", ignore_errors=True)
    session.run("zensical", "build", "--strict", "--clean", "--config-file", "mkdocs.yml")
    for picture in filter(Path.is_file, pictures.iterdir()):
        shown = ROOT / "site" / picture.name
        if not shown.exists():
            session.error(f"the site has no {picture.name}, which was drawn for it")
        shutil.copyfile(picture, shown)
    session.run("python", "-m", "tools.site.check", "site")


@nox.session
def docs_of_material(session: nox.Session) -> None:
    """Build the site with Material for MkDocs instead, from the same mkdocs.yml, and check it as `docs` does."""
    session.install("-e", ".[cli,emulator,contract,report]", *tools("docs_of_material"), silent=True)
    session.run("python", "-m", "tools.site.commands", "build/commands.md")
    site = str(Path(session.create_tmp(), "site").resolve())
    # It recommends its successor Zensical, which `docs` uses.
    session.run("mkdocs", "build", "--strict", "--clean", "--site-dir", site, env={"NO_MKDOCS_2_WARNING": "1"})
    session.run("python", "-m", "tools.site.check", site)


@nox.session
def record(session: nox.Session) -> None:
    """Draw the pictures in docs/ anew: the command line at work, a redrive beside a bulk resume, and a report."""
    session.install("-e", ".[cli,emulator,report]", *tools("pictures"), silent=True)
    draw_pictures(session, ROOT / "docs")


def draw_pictures(session: nox.Session, folder: Path, *arguments: str) -> None:
    if program := chromium():
        arguments += ("--chromium", program)
    else:
        session.log("no Chromium or Chrome: docs/report.png stays as it is")
    session.run("python", "-m", "tools.pictures", str(folder), *arguments)


def chromium() -> str | None:
    """The machine's own, or the one that CHROMIUM names."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@nox.session
def contract(session: nox.Session) -> None:
    """Hold answers against openapi.yaml.

    `-- --live [--report FILE]` asks the real service instead (reads only; needs QSTASH_TOKEN) and writes how it drifts.
    """
    session.install("-e", ".[cli,emulator,contract]", *tools("tests"))
    arguments = [argument for argument in session.posargs if argument != "--live"]
    if "--live" in session.posargs:
        session.run("pytest", "tests/contract/live.py", "-rs", "-v", *arguments)
    else:
        session.run("pytest", "tests/contract", *arguments)


@nox.session
def interop(session: nox.Session) -> None:
    """The vendor's SDKs and our client on the same emulated queue, and what the pages about migrating say of both.

    Needs Node.js 20, so it is not part of bare nox.
    """
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing:
        session.error(
            f"interop runs the vendor's JavaScript SDK: install Node.js 20 or newer ({' and '.join(missing)} not found)"
        )
    session.install("-e", ".[emulator]", *tools("interop"), silent=True)
    with tempfile.TemporaryDirectory() as folder:
        folders = [str(Path(folder, version)) for version in JAVASCRIPT_SDKS]
        for version, path in zip(JAVASCRIPT_SDKS, folders, strict=True):
            install_sdk(session, path, version)
        path = os.pathsep.join([str(ROOT / "tests"), str(ROOT / "tests" / "docs")])
        session.run("python", "-m", "interop.run", *folders, env={"PYTHONPATH": path})


def install_sdk(session: nox.Session, folder: str, version: str) -> None:
    packages = (f"@upstash/workflow@{version}", f"@upstash/qstash@{JAVASCRIPT_SDKS[version]}")
    session.run(
        *("npm", "install", "--prefix", folder, *packages),
        *("--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"),
        external=True,
    )


@nox.session
def distributed(session: nox.Session) -> None:
    """The recipes of docs/past-one-machine.md: Dask and Spark read a queue, also when one of their processes is killed.

    Spark needs Java 17 or newer, which the machine must have.
    """
    # In the order in which Spark looks for it.
    java = Path(os.environ["JAVA_HOME"], "bin", "java") if os.environ.get("JAVA_HOME") else "java"
    if shutil.which(java) is None:
        session.error(
            f"distributed runs Spark, which needs Java 17 or newer, and there is no {java}: install it (Debian: "
            "apt-get install openjdk-17-jre-headless), or name its folder in JAVA_HOME"
        )
    session.install("-e", ".[emulator]", *tools("distributed"))
    session.run("pytest", *(session.posargs or ("tests/distributed",)))


@nox.session
def browser(session: nox.Session) -> None:
    """Reports in headless Chromium, which the machine must have: looks, search, sorting, hostile payloads, 10,000 runs.

    The pictures are kept in the session's folder.
    """
    program = chromium()
    if program is None:
        session.error(
            "browser needs Chromium or Chrome, and found none: install it (Debian: apt-get install chromium), or name "
            "the program in CHROMIUM"
        )
    session.install("-e", ".[emulator,report]", *tools("browser"))
    pictures = Path(session.create_tmp(), "pictures").resolve()
    arguments = ("tests/browser", "--chromium", program, "--pictures", str(pictures))
    session.run("pytest", *arguments, *session.posargs)
    session.log(f"the pictures are in {pictures}")


@nox.session
def bench(session: nox.Session) -> None:
    """Where the client stands against its peers: a table, `bench.json`, and docs/workers.svg. Takes three minutes.

    Keep the machine quiet meanwhile. With Node.js and npm, the vendor's JavaScript SDK is a peer too.
    """
    # Not editable: compiled when installed, as users have it, and as the peers are.
    session.install(".[cli]", *tools("bench"))
    arguments = ["--json", "bench.json", "--picture", "docs/workers.svg", *session.posargs]
    with tempfile.TemporaryDirectory() as folder:
        if shutil.which("node") and shutil.which("npm"):
            install_sdk(session, folder, NEWEST_SDK)
            arguments += ["--sdk", folder]
        session.run("python", "benchmarks/run.py", *arguments)


@nox.session
def tests_of_tools(session: nox.Session) -> None:
    """All tests of tools/, which run on one Python and are not shipped. `-- ARGS` passes ARGS to pytest instead."""
    session.install("-e", ".[cli,emulator,contract,report]", *tools("tests_of_tools"))
    session.run("pytest", *(session.posargs or ("tests/tools", *IN_TWO_PROCESSES)))


@nox.session
def tests_of_cli(session: nox.Session) -> None:
    """All tests of the command line, of triage below it, and of reports. `-- ARGS` passes ARGS to pytest instead."""
    session.install("-e", ".[cli,emulator,contract,report]", *tools("tests_of_cli"))
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run("pytest", *OF_THE_COMMAND_LINE, *IN_TWO_PROCESSES)


@nox.session
def tests_of_emulator(session: nox.Session) -> None:
    """All tests of the emulator by itself, with its coverage. `-- ARGS` passes ARGS to pytest instead."""
    session.install("-e", ".[cli,emulator,contract]", *tools("tests"))
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    data = {"COVERAGE_FILE": str(Path(session.create_tmp(), "coverage"))}
    session.run("coverage", "erase", env=data)
    session.run("coverage", "run", "-m", "pytest", "tests/emulator", *IN_TWO_PROCESSES, env=data)
    session.run("coverage", "combine", "--quiet", env=data)
    session.run("coverage", "report", "--include=*/emulator/*", env=data)


@nox.session
def tests_of_redrive(session: nox.Session) -> None:
    """All tests of redrives, those that kill them among them. `-- ARGS` passes ARGS to pytest instead."""
    session.install("-e", ".[cli,emulator,contract]", *tools("tests"))
    session.run("pytest", *(session.posargs or ("tests/redrive", *IN_TWO_PROCESSES)))


@nox.session
def tests_of_archive(session: nox.Session) -> None:
    """All tests of the archive and of matching below it. `-- ARGS` passes ARGS to pytest instead."""
    session.install("-e", ".[cli,emulator,contract,parquet]", *tools("tests_of_archive"))
    session.run("pytest", *(session.posargs or (*OF_THE_ARCHIVE, *IN_TWO_PROCESSES)))


@nox.session
def tests_of_docs(session: nox.Session) -> None:
    """All code and all commands in the documents run and print what is shown. `-- ARGS` passes ARGS to pytest instead.

    `UPDATE_DOCS=1 nox -s tests_of_docs` writes what they print into the pages.
    """
    session.install("-e", ".[cli,emulator,contract,report,parquet]", *tools("tests_of_docs"))
    session.run("pytest", *(session.posargs or ("tests/docs", *IN_TWO_PROCESSES)))


@nox.session
def tests(session: nox.Session) -> None:
    """All tests of the client in two processes, with its coverage.

    `nox -s tests -- ARGS` passes ARGS to pytest, in one process and without coverage.
    """
    session.install("-e", ".[cli,emulator,contract,report]", *tools("tests"))
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *OF_THE_CLIENT)
    session.run("coverage", "combine", "--quiet")
    # These have tests of their own; those of the command line run in other processes, at pseudo-terminals.
    rooms = (
        "__main__.py",
        "cli/*",
        "emulator/*",
        "redrive/*",
        "report/*",
        "archive/*",
        "triage.py",
        "timelines.py",
        "matching.py",
        "harmless.py",
    )
    session.run("coverage", "report", f"--omit={','.join(f'*/{room}' for room in rooms)}")
