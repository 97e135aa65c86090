"""`python -m tools.pictures FOLDER` draws night.svg and redrive.svg there, and with `--chromium PROGRAM` report.png.

`--like FOLDER` fails if an SVG shows anything else than the one of that name there, apart from times.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.pictures import night, redrive, report
from tools.pictures.likeness import difference


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.pictures")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--like", type=Path)
    parser.add_argument("--chromium")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    night.draw(options.folder / "night.svg")
    redrive.draw(options.folder / "redrive.svg")
    if options.chromium:
        report.draw(options.folder / "report.png", options.chromium)
    problems = list(stale(options.folder, options.like)) if options.like else []
    for problem in problems:
        print(problem, file=sys.stderr)
    return int(bool(problems))


def stale(drawn: Path, committed: Path) -> Iterator[str]:
    for new in sorted(drawn.glob("*.svg")):
        old = committed / new.name
        if not old.is_file():
            yield f"{old} is missing: run nox -s record"
        elif found := difference(old.read_text("utf-8"), new.read_text("utf-8")):
            yield f"{old} is not what the code draws now: run nox -s record\n{found}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
