"""What cannot be used ends in one line that says what to do, and the spec stays as it is."""

from __future__ import annotations

import os
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
from specs import NEWER, SPECS, TODAY, Result, edited

from tools.spec import source as spec_source
from tools.spec import update as spec_update

Update = Callable[..., Result]
PAGE = (SPECS / "list.md").read_text(encoding="utf-8")
HEAD = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\n"
PATH = HEAD + "paths:\n  /v2/workflows/dlq:\n    get:\n"
LAUGHS = "\n".join(
    ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
)

BAD = {
    "an empty file": ("", "is empty; pass"),
    "blank lines": ("\n \n", "is empty; pass"),
    "HTML": ("<!DOCTYPE html>\n<html><body>openapi: 3.1.0</body></html>", "is HTML; pass the address of the YAML"),
    "a page without a block": ("# Title\n\nText: it goes on: and on.\n", "nor a page with a fenced block"),
    "text": ("Just text.", "is no OpenAPI document"),
    "a list": ("- a\n- b\n", "is no OpenAPI document"),
    "JSON that is cut off": ('{"openapi": "3.1.0", "paths": {', "nor a page with a fenced block"),
    "two documents": (HEAD + "paths: {}\n---\n" + HEAD, "has several YAML documents, separated by ---; pass one"),
    "Swagger 2": ("swagger: '2.0'\npaths: {}\n", "is not OpenAPI 3"),
    "another API": (HEAD + "paths:\n  /v2/dlq:\n    get: {}\n", "has no operation at /v2/workflows/dlq; pass"),
    "no paths at all": (HEAD + "paths: {}\n", "has no operation at /v2/workflows/dlq; pass"),
    "a page that is cut off": (PAGE[:5000], "is cut off within its block of OpenAPI; fetch the page again"),
    "a block that is cut off": (PAGE[:5000] + "\n````\n", "neither YAML (line"),
    "a $ref to nothing": (
        edited(PAGE, ("    Error:\n", "    Mistake:\n")),
        "refers to #/components/schemas/Error, which does not exist; fetch it again",
    ),
    "a $ref to another file": (
        edited(PAGE, ("                      $ref: '#/comp", "                      $ref: 'other.yaml#/comp")),
        "refers to other.yaml#/components/schemas/WorkflowDLQMessage, which does not exist",
    ),
    "security without its scheme": (edited(PAGE, ("    bearerAuthQuery:\n", "    other:\n")), "bearerAuthQuery, which"),
    "what is there twice": (
        edited(PAGE, ("    Error:\n      type: object\n", "    Error:\n      type: object\n      type: string\n")),
        "has components.schemas.Error.type twice",
    ),
    "an operation of the wrong shape": (PATH + "      responses: 7\n", "is not valid OpenAPI at "),
    "an operation without answers to its path": (
        PATH + "      parameters: [{}]\n      responses: {}\n",
        "is not valid",
    ),
    "billion laughs": (f"{LAUGHS}\n{HEAD}paths: {{}}\n", "with its aliases written out"),
    "an alias of itself": (HEAD + "paths: &a\n  x: *a\n", "has an alias of something to itself"),
    "YAML that never ends": ("[" * 50_000, "is neither YAML (line 1: "),
    "YAML that is nested too deeply": ("[" * 200 + "]" * 200, "is nested more than 100 levels deep"),
    "JSON that never ends": ('{"a":' * 50_000, "is nested more than 100 levels deep"),
    "a tag that would run something": (HEAD + "paths: !!python/object/apply:os.getcwd []\n", "is no OpenAPI document"),
    "a control character": (HEAD + "paths: \0\n", "neither YAML nor"),
    "too much": ("# comment\n" * 600_000, "has more than 5 MB"),
}


@pytest.mark.parametrize(("text", "told"), BAD.values(), ids=list(BAD))
def test_a_bad_file_is_refused(update: Update, spec_file: Path, tmp_path: Path, text: str, told: str) -> None:
    source = tmp_path / "source"
    source.write_text(text, encoding="utf-8")
    assert_refused(update(source), spec_file, told)


def test_one_bad_source_among_good_ones_is_enough(update: Update, spec_file: Path, tmp_path: Path) -> None:
    assert_refused(update(NEWER, tmp_path / "none", "--json"), spec_file, "cannot be read")


def assert_refused(result: Result, spec_file: Path, told: str) -> None:
    assert (result.status, result.out) == (2, "")
    assert result.error.startswith("update_spec: ")
    assert result.error.endswith(" (openapi.yaml is untouched)")
    assert told in result.error
    assert spec_file.read_text() == TODAY


def test_what_is_no_text_is_refused(update: Update, spec_file: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(random.Random(4).randbytes(3000))
    assert_refused(update(source), spec_file, "is not text in UTF-8")
    assert_refused(update(tmp_path / "none"), spec_file, "cannot be read (No such file or directory); check the path")
    assert_refused(update(tmp_path), spec_file, "cannot be read")


def test_a_spec_of_ours_that_is_broken_is_said_to_be(update: Update, spec_file: Path) -> None:
    spec_file.write_text("- not\n")
    result = update(NEWER)
    assert (result.status, spec_file.read_text()) == (2, "- not\n")
    assert "update_spec: openapi.yaml is no OpenAPI document" in result.error
    assert spec_update.main(["--spec", str(spec_file / "none"), str(NEWER)]) == 2


def test_additions_where_the_source_spells_the_path_anew_need_a_hand(
    update: Update, spec_file: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source.yaml"
    path = "/v2/workflows/dlq/callback/{id}"
    source.write_text(
        f"{HEAD}paths:\n  {path}:\n    post:\n"
        "      parameters: [{in: path, name: id, required: true, schema: {type: string}}]\n"
        "      responses: {'200': {description: Yes}}\n"
    )
    assert_refused(update(source), spec_file, "spells /v2/workflows/dlq/callback/{dlqId} as " + path)


def test_wrong_usage_ends_with_2_too(update: Update) -> None:
    for arguments in ([], ["--frobnicate"]):
        with pytest.raises(SystemExit) as caught:
            update(*arguments)
        assert caught.value.code == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_the_file_is_replaced_and_never_half_written(
    update: Update, spec_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec_file.chmod(0o640)
    before = spec_file.stat().st_ino

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        result = update(NEWER)
        assert_refused(result, spec_file, "cannot be written (No space left on device)")
    assert spec_file.stat().st_ino == before
    assert update(NEWER).status == 1
    assert spec_file.stat().st_ino != before
    assert spec_file.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://127.0.0.1:1/openapi.yaml", "https://127.0.0.1:1/openapi.yaml cannot be fetched"),
        (
            "http://127.0.0.1:1/openapi.yaml",
            "is not https, so others could change it on the way; pass an https address",
        ),
        ("ftp://127.0.0.1/openapi.yaml", "is not https"),
        ("file:///etc/passwd", "is not a valid address"),
        ("https://", "is not a valid address; pass one like"),
        ("https://user:hunter2@[::1/x", "a source is not a valid address"),
    ],
)
def test_a_bad_address_is_refused(update: Update, spec_file: Path, address: str, told: str) -> None:
    assert_refused(update(address), spec_file, told)


class Site(ThreadingHTTPServer):
    """Serves what is in `pages` over https on loopback: status, headers and body by path."""

    def __init__(self, certificate: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.socket = certificate.wrap_socket(self.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        if self.path == "/drip":
            self.drip()
            return
        status, headers, body = self.server.pages.get(self.path.partition("?")[0], (404, {}, b""))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self) -> None:
        """Headers that never end, one every moment."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        with suppress(OSError):  # until the client has had enough
            while True:
                self.wfile.write(b"X-Drip: 1\r\n")
                time.sleep(0.01)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path_factory.mktemp("site") / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with Site(context) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(bundle))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_spec_is_fetched_over_https(update: Update, site: Site) -> None:
    site.pages = {
        "/openapi.yaml": (200, {}, NEWER.read_bytes()),
        "/moved": (301, {"Location": "/openapi.yaml"}, b""),
    }
    result = update(f"{site.url}/moved", "--json")
    assert result.status == 1
    assert result.json["counts"]["breaking"] == 4


def test_answers_that_are_no_spec_are_refused(update: Update, spec_file: Path, site: Site) -> None:
    spec = NEWER.read_bytes()
    site.pages = {
        "/html": (200, {}, b"<!doctype html><html></html>"),
        "/error": (503, {}, spec),
        "/half": (200, {"Content-Length": str(len(spec) + 1)}, spec),
        "/huge": (200, {}, b"#" * (spec_source.MAX_BYTES + 1)),
        "/insecure": (302, {"Location": f"http://127.0.0.1:{site.server_port}/openapi.yaml"}, b""),
        "/circle": (302, {"Location": "/circle"}, b""),
    }
    for path, told in (
        ("/html", "is HTML"),
        ("/error", "answered 503; check the address"),
        ("/none", "answered 404; check the address"),
        ("/half", "cannot be fetched"),
        ("/huge", "has more than 5 MB"),
        ("/insecure", "/openapi.yaml is not https"),
        ("/circle", "cannot be fetched"),
    ):
        assert_refused(update(f"{site.url}{path}"), spec_file, told)


def test_a_server_that_drips_is_left_in_time(
    update: Update, spec_file: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.spec.fetch.MAX_SECONDS", 0.5)
    assert_refused(update(f"{site.url}/drip"), spec_file, "cannot be fetched (not complete after 0.5 seconds)")


def test_a_certificate_that_nobody_vouches_for_is_refused(
    update: Update, spec_file: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    assert_refused(update(f"{site.url}/openapi.yaml"), spec_file, "cannot be fetched")


def test_what_is_secret_in_an_address_is_not_shown(update: Update, spec_file: Path) -> None:
    result = update("https://user:hunter2@127.0.0.1:1/openapi.yaml?token=hunter2#hunter2")
    assert_refused(result, spec_file, "https://127.0.0.1:1/openapi.yaml cannot be fetched")
    assert "hunter2" not in result.err


def test_any_part_of_a_page_is_read_or_refused(update: Update, spec_file: Path, tmp_path: Path) -> None:
    """Pages with lines lost, doubled and swapped never end in a traceback."""
    source = tmp_path / "source.md"
    chance = random.Random(4)
    for _ in range(12):
        lines = PAGE.split("\n")
        for _ in range(3):
            here, there = chance.randrange(len(lines)), chance.randrange(len(lines))
            lines[here], lines[there] = lines[there], lines[here]
            lines[here:here] = [lines[there]] * chance.randrange(3)
            del lines[chance.randrange(len(lines))]
        source.write_text("\n".join(lines), encoding="utf-8")
        spec_file.write_text(TODAY)
        result = update(source)
        assert result.status in {0, 1} or len(result.err.splitlines()) == 1
        if result.status == 2:
            assert spec_file.read_text() == TODAY
