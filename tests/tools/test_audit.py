"""`nox -s audit`, against a service of vulnerabilities of our own, with made-up packages that need no index."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

VULNERABILITY = {
    "id": "PYSEC-2026-1",
    "affected": [
        {
            "package": {"name": "made-up-dependency", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.5"}]}],
        }
    ],
}


class Service(HTTPServer):
    """Answers as OSV does: with what is known of the one package."""

    asked: list[tuple[str, str]]
    known: dict[str, object]


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((query["package"]["name"], query["version"]))
        known = self.server.known if query["package"]["name"] == "made-up-dependency" else {}
        body = json.dumps(known).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Into no output."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(("127.0.0.1", 0), Handler) as made:
        made.asked, made.known = [], {}
        thread = Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def wheel(folder: Path, name: str, version: str, *needs: str) -> Path:
    path = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    info = path.name.removesuffix("-py3-none-any.whl") + ".dist-info"
    required = "".join(f"Requires-Dist: {need}\n" for need in needs) + "Provides-Extra: more\n"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}")
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def audit(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], subprocess.CompletedProcess[str]]:
    """Audits a package that is on no index, and needs two others that are."""
    index = tmp_path / "index"
    index.mkdir()
    wheel(index, "made-up-dependency", "1.3")
    wheel(index, "made-up-dependency", "1.4")
    wheel(index, "made-up-extra", "2.0", "made-up-dependency<1.4")
    ours = wheel(tmp_path, "ours", "0.1", "made-up-dependency>=1", "made-up-extra; extra == 'more'")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))

    def run() -> subprocess.CompletedProcess[str]:
        url = f"http://127.0.0.1:{service.server_port}/v1/query"
        arguments = (f"{ours}[more]", "--vulnerability-service=osv", f"--osv-url={url}")
        return subprocess.run(  # noqa: S603
            [sys.executable, "-m", "tools.audit", *arguments], capture_output=True, text=True
        )

    return run


def test_what_users_get_is_looked_up_but_not_our_own_package(
    service: Service, audit: Callable[[], subprocess.CompletedProcess[str]]
) -> None:
    ran = audit()
    assert ran.returncode == 0, ran.stderr
    assert "No known vulnerabilities found" in ran.stderr
    assert sorted(service.asked) == [("made-up-dependency", "1.3"), ("made-up-extra", "2.0")]


def test_a_vulnerability_fails_the_audit_and_is_named(
    service: Service, audit: Callable[[], subprocess.CompletedProcess[str]]
) -> None:
    service.known = {"vulns": [VULNERABILITY]}
    ran = audit()
    assert ran.returncode == 1, ran.stderr
    [found] = [line.split() for line in ran.stdout.splitlines() if line.startswith("made-up-")]
    assert found == ["made-up-dependency", "1.3", "PYSEC-2026-1", "1.5"]
