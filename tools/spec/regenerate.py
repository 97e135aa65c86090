"""Rebuild generated/ from openapi.yaml and generator-config.yaml: `nox -s regenerate`."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from tools.spec import generator, overrides, text
from tools.spec.command import run
from tools.spec.document import plain
from tools.spec.tryout import PACKAGE, use

ROOT = Path(__file__).parents[2]


def main() -> int:
    return run("regenerate", lambda: _regenerate(ROOT))


def _regenerate(root: Path) -> int:
    spec = plain(text.parse("openapi.yaml", (root / "openapi.yaml").read_text(encoding="utf-8")).root)
    name = "generator-config.yaml"
    config = overrides.read(name, (root / name).read_text(encoding="utf-8"))
    # The hooks in the configuration run ruff, which is installed beside this Python.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    with tempfile.TemporaryDirectory() as folder:
        # Made aside and moved over: a failure leaves what is there, and no stale file survives.
        made = Path(folder, PACKAGE)
        generator.generate(spec, config, made)
        use(made, spec, config)
        target = root / "generated" / PACKAGE
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, target, ignore=shutil.ignore_patterns("__pycache__"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
