"""`nox -s package`: follows what the pages say about installing, word by word, in a copy of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]

INSTALLING = re.compile(
    r'^(?:python -m venv \.venv|\. \.venv/bin/activate|python -m pip install "\.\[[a-z,]+\]")$', re.MULTILINE
)


def lines() -> list[str]:
    """Each of them once; those of the tutorial, which begin with a new environment, first."""
    pages = [ROOT / "docs" / "tutorial.md", ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    found = [line for page in pages for line in INSTALLING.findall(page.read_text("utf-8"))]
    return list(dict.fromkeys(found))


def main() -> None:
    left_out = shutil.ignore_patterns(".git", ".nox", ".venv", ".*cache", "__pycache__", "build", "dist", "site")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "checkout")
        shutil.copytree(ROOT, copy, ignore=left_out)
        tutorial, others = lines()[:3], lines()[3:]
        assert tutorial[:2] == ["python -m venv .venv", ". .venv/bin/activate"], "nothing else may be installed into"
        if uv := os.environ.get("UV"):
            # Takes a second where pip takes ten. The tutorial is followed as it stands.
            others = [line.replace("python -m pip", f"{uv} pip") for line in others]
        script = "\n".join(["set -ex", *tutorial, *others, "upstash-dlq --version"])
        quiet = script.replace("pip install", "pip install --quiet")
        subprocess.run(["bash", "-c", quiet], cwd=copy, check=True)  # noqa: S603, S607 - our own pages


if __name__ == "__main__":
    main()
