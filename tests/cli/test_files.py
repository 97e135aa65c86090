"""Files that are named to a command: the same fault is told alike, and ends with the same code, wherever it is made."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from command_line import Cli
from upstash_workflow_dlq.archive import Archive, _schema
from upstash_workflow_dlq.emulator import Emulator

READ_ARCHIVE = (
    "archive stats FILE",
    "archive list FILE",
    "archive show FILE 1752829295505-0",
    "archive summary FILE",
    "archive export FILE runs.csv",
    "report -o report.html --archive FILE",
)
WRITE_ARCHIVE = ("archive sync FILE", "archive sync FILE --profiles queues.toml", "delete --all --yes --archive FILE")
REDRIVE = ("redrive run FILE --yes", "redrive status FILE", "redrive results FILE", "redrive rate FILE 9")
READ_TEXT = ("archive sync failed.db --profiles FILE", "resume --yes --from FILE", "count --token-file FILE")
WRITE = (
    "resume --all --yes --save FILE",
    "report -o FILE",
    "summary --plot FILE",
    "redrive plan FILE --action resume --all",
    "archive export failed.db FILE",
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, queue: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder, in which nothing may be left, and a queue, which nothing may reach."""
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    profile = f'[[profile]]\nname = "a"\nurl = "{queue.url}"\ntoken_env = "QSTASH_TOKEN"\n'
    Path("queues.toml").write_text(profile)
    before = sorted(os.listdir())
    yield
    assert queue.requests == []
    assert len(queue.runs) == 60
    assert sorted(set(os.listdir()) - {"wrong", "failed.db"}) == before
    assert os.listdir("folder") == []


def error(cli: Cli, typed: str, file: str, code: int) -> str:
    result = cli(*(file if word == "FILE" else word for word in typed.split()))
    assert (result.status, result.out) == (code, "")
    assert result.error.startswith("upstash-dlq: ")
    assert "Archive.sync" not in result.error
    return result.error


@pytest.mark.parametrize("typed", READ_ARCHIVE)
def test_an_archive_that_is_not_there_is_two(cli: Cli, typed: str) -> None:
    said = error(cli, typed, "missing.db", 2)
    assert said == "upstash-dlq: missing.db: there is no such archive; upstash-dlq archive sync makes one"


@pytest.mark.parametrize("typed", REDRIVE)
def test_a_redrive_that_is_not_there_is_two(cli: Cli, typed: str) -> None:
    assert "missing.db cannot be read: No such file" in error(cli, typed, "missing.db", 2)


@pytest.mark.parametrize("typed", [*READ_ARCHIVE, *WRITE_ARCHIVE])
class TestNoArchive:
    @pytest.mark.parametrize("content", ["text", "a redrive", "newer"])
    def test_another_file_is_two_and_stays_as_it_is(self, cli: Cli, typed: str, content: str) -> None:
        if content == "text":
            Path("wrong").write_text("hello")
        else:
            application = _schema.APPLICATION_ID if content == "newer" else 1
            with closing(sqlite3.connect("wrong")) as file:
                file.executescript(f"PRAGMA application_id = {application}; PRAGMA user_version = 99")
        before = Path("wrong").read_bytes()
        said = error(cli, typed, "wrong", 2)
        assert "update it" in said if content == "newer" else "no archive; upstash-dlq archive sync makes one" in said
        assert Path("wrong").read_bytes() == before

    def test_a_folder_or_a_device_is_two(self, cli: Cli, typed: str) -> None:
        assert "folder/ is a folder, and an archive is a file: name a file in it" in error(cli, typed, "folder/", 2)
        for device in ("/dev/null", "/dev/zero"):
            assert f"{device} is no file, and so no archive" in error(cli, typed, device, 2)


@pytest.mark.parametrize("typed", WRITE_ARCHIVE)
def test_an_archive_in_a_folder_that_is_not_there_is_two(cli: Cli, typed: str) -> None:
    assert "none/a.db: there is no such folder" in error(cli, typed, "none/a.db", 2)


@pytest.mark.parametrize("typed", ["archive stats FILE", "archive sync FILE", "redrive status FILE"])
def test_a_file_that_is_locked_is_one(cli: Cli, typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the right file, and the same command may do later."""
    monkeypatch.setattr(_schema, "BUSY", 0.1)
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: connect(*args, **{**options, "timeout": 0.1}))
    application = 0x55444C51 if "redrive" in typed else _schema.APPLICATION_ID
    with closing(connect("wrong", isolation_level=None)) as file:
        file.executescript(f"PRAGMA application_id = {application}; BEGIN EXCLUSIVE")
        assert "locked" in error(cli, typed, "wrong", 1)


@pytest.mark.parametrize("typed", [*READ_ARCHIVE, *WRITE_ARCHIVE, *REDRIVE, *READ_TEXT, *WRITE])
@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_name_as_of_a_variable_that_is_not_set_is_two(cli: Cli, typed: str, empty: str) -> None:
    words = typed.split()
    before = words[words.index("FILE") - 1]
    named = before if before.startswith("-") else "TARGET" if "export failed.db" in typed else "FILE"
    assert f"{named} is empty: pass the name of a file" in error(cli, typed, empty, 2)


@pytest.mark.parametrize(
    "typed", ["archive sync a.db --origin FILE", "archive list a.db --origin FILE", "delete --all --origin FILE"]
)
def test_an_empty_name_of_a_queue_is_two(cli: Cli, typed: str) -> None:
    assert "--origin is empty: pass the name of a queue" in error(cli, typed, "", 2)


@pytest.mark.parametrize(
    ("typed", "code", "takes"),
    [
        ("archive sync failed.db --profiles FILE", 2, "a TOML file with one or several [[profile]]"),
        ("resume --yes --from FILE", 2, "ids, one in a line"),
        ("count --token-file FILE", 4, "the token, and nothing else"),
    ],
)
class TestText:
    def test_what_cannot_be_read_says_what_it_takes(self, cli: Cli, typed: str, code: int, takes: str) -> None:
        said = error(cli, typed, "missing", code)
        assert "missing cannot be read: No such file or directory; it takes " in said
        assert takes in said
        assert "cannot be read" in error(cli, typed, "folder", code)
        Path("wrong").write_bytes(b"\xff\xfe\x00")
        assert "wrong is not text; it takes " in error(cli, typed, "wrong", code)

    def test_a_device_without_an_end_is_not_read_to_it(self, cli: Cli, typed: str, code: int, takes: str) -> None:
        said = error(cli, typed, "/dev/zero", code)
        assert " characters; it takes " in said
        assert takes in said


@pytest.mark.parametrize("typed", WRITE)
def test_a_folder_is_no_file_to_write(cli: Cli, typed: str) -> None:
    if "export" in typed:
        with Archive("failed.db") as archive:
            list(archive.keep([], origin="a"))
    said = error(cli, typed, "folder", 2)
    assert "folder" in said


def test_a_page_is_not_a_folder(cli: Cli) -> None:
    said = error(cli, "report -o FILE", "folder/", 2)
    assert "-o folder/ is no page: pass a name that ends in .html, such as folder/report.html" in said


@pytest.mark.parametrize("typed", [*READ_ARCHIVE, *WRITE_ARCHIVE, *REDRIVE, *READ_TEXT, *WRITE])
def test_links_in_a_circle_are_two(cli: Cli, typed: str) -> None:
    if "--plot" in typed:
        pytest.importorskip("matplotlib")
    if "export failed.db" in typed:
        with Archive("failed.db") as archive:
            list(archive.keep([], origin="a"))
    name = "wrong.svg" if "--plot" in typed else "wrong.html" if "-o FILE" in typed else "wrong"
    name = "wrong.csv" if "export failed.db" in typed else name
    os.symlink(name, name)
    said = error(cli, typed, name, 4 if "--token-file" in typed else 2)
    assert name in said
    assert "exists already" in said if "plan" in typed else "Too many levels of symbolic links" in said
    assert os.path.islink(name)
    os.unlink(name)


def test_no_ids_are_saved_to_stdout(cli: Cli) -> None:
    """A file of that name would be made, and `--from -` would not read it."""
    said = error(cli, "resume --all --yes --save -", "", 2)
    assert "--save - is no name of a file: pass one, such as left.txt" in said


def test_a_folder_that_cannot_be_written_is_two(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    Path("shut").mkdir()
    with Archive("shut/a.db") as archive:
        list(archive.keep([], origin="a"))
    Path("shut").chmod(0o555)
    try:
        if os.access("shut", os.W_OK):
            pytest.skip("root may write everywhere")
        for typed in (
            "summary --plot shut/a.svg",
            "report -o shut/a.html",
            "delete --all --yes --archive shut/a.db",
            "delete --all --yes --archive shut/b.db",
            "archive sync shut/a.db",
            "delete --all --yes --save shut/left.txt",
            "redrive plan shut/a.redrive --action resume --all",
        ):
            assert "cannot be written (Permission denied); nothing was sent" in error(cli, typed, "", 2)
        assert cli("archive", "stats", "shut/a.db").status == 0
        assert os.listdir("shut") == ["a.db"]
    finally:
        Path("shut").chmod(0o755)
        Path("shut/a.db").unlink()
        Path("shut").rmdir()


class TestOneFileTwice:
    """What is written would replace what is read, or the copies of what is deleted."""

    @pytest.mark.parametrize(
        ("kept", "is_there"),
        [(kept, True) for kept in ("a.db", "./a.db", "link.db", "hard.db", "a.db-wal")]
        + [(kept, False) for kept in ("a.db", "./a.db", "link.db", "a.db-wal")],
    )
    def test_an_archive_and_the_ids_that_remain(self, cli: Cli, tmp_path: Path, kept: str, is_there: bool) -> None:
        if is_there:
            with Archive("a.db") as archive:
                list(archive.keep([], origin="a"))
            os.link("a.db", "hard.db")
        os.symlink("a.db", "link.db")
        before = Path("a.db").read_bytes() if is_there else b""
        said = error(cli, f"delete --all --archive a.db --yes --save {kept}", "", 2)
        assert f"--save {kept} is the same file as --archive a.db, or belongs to it: pass another name" in said
        assert (Path("a.db").read_bytes() if is_there else b"") == before
        for made in ("a.db", "hard.db", "link.db"):
            Path(made).unlink(missing_ok=True)

    @pytest.mark.parametrize(
        ("typed", "pair"),
        [
            (
                "resume --all --yes --save wrong --token-file wrong",
                "--save wrong is the same file as --token-file wrong",
            ),
            ("summary --plot wrong --token-file wrong", "--plot wrong is the same file as --token-file wrong"),
            ("report -o wrong --token-file wrong", "-o wrong is the same file as --token-file wrong"),
            ("report -o wrong --archive wrong", "-o wrong is the same file as --archive wrong"),
            ("redrive plan wrong --action resume --from wrong", "wrong exists already, and a plan replaces nothing"),
        ],
    )
    def test_any_other_input(self, cli: Cli, typed: str, pair: str) -> None:
        if "--plot" in typed:
            pytest.importorskip("matplotlib")
        name = "wrong.svg" if "--plot" in typed else "wrong.html" if "report" in typed else "wrong"
        Path(name).write_text("1-0\n")
        said = error(cli, typed.replace("wrong", name), "", 2)
        assert pair.replace("wrong", name) in said
        assert Path(name).read_text() == "1-0\n"
        Path(name).unlink()

    @pytest.mark.parametrize(
        "typed",
        ["resume --all --yes --save FILE", "summary --plot FILE", "report -o FILE", "archive summary FILE --plot FILE"],
    )
    def test_a_database_is_replaced_by_nothing(self, cli: Cli, typed: str) -> None:
        if "--plot" in typed:
            pytest.importorskip("matplotlib")
        name = "a.svg" if "--plot" in typed else "a.html" if "report" in typed else "a.txt"
        with Archive(name) as archive:
            list(archive.keep([], origin="a"))
        before = Path(name).read_bytes()
        assert f"{name} is an SQLite file, such as an archive or a redrive: pass another name" in error(
            cli, typed, name, 2
        )
        assert Path(name).read_bytes() == before
        Path(name).unlink()
