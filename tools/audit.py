"""Looks up what users install with this package among known vulnerabilities: `nox -s audit`.

`python -m tools.audit REQUIREMENT ARGS...` has pip resolve REQUIREMENT (`.[cli]`, or a wheel) as in an empty
environment, and passes the result and ARGS to pip-audit. Exits as pip-audit does: with 1 for a vulnerability, and for
anything that it could not look up.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def main(requirement: str, *arguments: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        report, pinned = Path(folder, "report.json"), Path(folder, "requirements.txt")
        resolve = ("pip", "install", "--dry-run", "--ignore-installed", "--quiet", f"--report={report}", requirement)
        subprocess.run([sys.executable, "-m", *resolve], check=True)  # noqa: S603
        lines = pins(json.loads(report.read_text("utf-8")))
        print(f"looking up {len(lines)} packages: {' '.join(line.split()[0] for line in lines)}", flush=True)
        pinned.write_text("\n".join(lines), "utf-8")
        # Not the environment with --skip-editable: under --strict, a package that is left out fails the audit.
        audit = ("pip_audit", "--strict", "--disable-pip", f"--requirement={pinned}", "--desc=off", "--aliases=on")
        return subprocess.run([sys.executable, "-m", *audit, *arguments]).returncode  # noqa: S603


def pins(report: dict[str, Any]) -> list[str]:
    """What pip would install, without what came from a path or a URL: our own package, which no index has yet."""
    return sorted(
        f"{found['metadata']['name']}=={found['metadata']['version']} --hash=sha256:{hashes(found)['sha256']}"
        for found in report["install"]
        if not found["is_direct"]
    )


def hashes(found: dict[str, Any]) -> dict[str, str]:
    known: dict[str, str] = found["download_info"]["archive_info"]["hashes"]
    return known


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
