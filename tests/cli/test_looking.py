"""Commands that look: they say what the library says, in each format, and send only reads."""

from __future__ import annotations

import csv
import io
import json
import resource
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from command_line import Cli
from upstash_workflow_dlq import DLQClient
from upstash_workflow_dlq.cli._summaries import Reading, below
from upstash_workflow_dlq.emulator import Emulator, failed_runs, faults

RECORDED = "1752829295505-0"


@pytest.fixture
def library(queue: Emulator) -> Any:
    with DLQClient() as dlq:
        yield dlq


class TestList:
    def test_json_is_the_payload_as_it_was_received(self, cli: Cli, queue: Emulator) -> None:
        assert cli("list", "-o", "json").json == failed_runs(60)

    def test_an_empty_queue_is_an_empty_document(self, cli: Cli, empty_queue: Emulator) -> None:
        assert cli("list", "-o", "json").json == []
        assert cli("list", "-o", "jsonl").out == ""
        assert cli("list", "-o", "csv").lines == ["entered_at,workflow_url,failure,response_status,labels,dlq_id"]

    def test_json_lines_hold_one_run_each(self, cli: Cli, queue: Emulator) -> None:
        result = cli("list", "-o", "jsonl")
        assert [line[0] + line[-1] for line in result.lines] == ["{}"] * 60

    def test_ids_come_in_the_order_of_the_service(self, cli: Cli, library: DLQClient) -> None:
        assert cli("list", "-o", "ids").lines == [run.dlq_id for run in library.list()]

    def test_fast_means_the_same_runs_in_no_order(self, cli: Cli, library: DLQClient) -> None:
        fast = cli("list", "-o", "ids", "--fast").lines
        assert sorted(fast) == sorted(str(run.dlq_id) for run in library.list())

    def test_csv_and_tsv_have_a_heading_and_a_table_in_a_pipe_has_none(self, cli: Cli, queue: Emulator) -> None:
        rows = list(csv.reader(io.StringIO(cli("list", "-o", "csv").out)))
        assert rows[0] == ["entered_at", "workflow_url", "failure", "response_status", "labels", "dlq_id"]
        assert len(rows) == 61
        tsv = [line.split("\t") for line in cli("list", "-o", "tsv").lines]
        assert tsv == rows
        piped = [line.split("\t") for line in cli("list").lines]
        assert len(piped) == 60
        assert {len(row) for row in piped} == {6}

    def test_fields_are_attributes_of_a_run(self, cli: Cli, library: DLQClient) -> None:
        [shown] = cli("list", "--fields", "dlq_id,created_at,failure,labels", "--limit", "1", "-o", "json").json
        run = library.list().first()
        assert run is not None
        assert run.created_at is not None
        assert shown == {
            "dlq_id": run.dlq_id,
            "created_at": run.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "failure": {"name": run.failure.name, "message": run.failure.message},
            "labels": list(run.labels),
        }

    def test_expires_at_is_a_field_where_the_retention_is_known(self, cli: Cli, queue: Emulator) -> None:
        [shown] = cli("list", "--limit", "1", "--fields", "expires_at", "--retention", "3d", "-o", "json").json
        entered = datetime.fromtimestamp(1752829295.505, UTC)
        assert shown["expires_at"] == (entered + timedelta(days=3)).isoformat(timespec="milliseconds").replace(
            "+00:00", "Z"
        )
        assert "needs --retention" in cli("list", "--fields", "expires_at").error

    @pytest.mark.parametrize(("limit", "count"), [("0", 0), ("1", 1), ("7", 7), ("all", 60), ("100", 60)])
    def test_a_limit_is_exact(self, cli: Cli, queue: Emulator, limit: str, count: int) -> None:
        assert len(cli("list", "--limit", limit, "-o", "ids").lines) == count

    def test_a_small_limit_asks_for_no_more(self, cli: Cli, queue: Emulator) -> None:
        cli("list", "--limit", "3", "-o", "ids")
        assert [request.query for request in queue.requests] == ["count=3"]


class TestFilters:
    @pytest.mark.parametrize(
        ("typed", "meant"),
        [
            (["--label", "billing", "--label", "email"], {"label": ["billing", "email"]}),
            (["--status", "502", "--status", "489"], {"response_status": [502, 489]}),
            (["--state", "CALLBACK_FAIL"], {"failure_function_state": "CALLBACK_FAIL"}),
            (["--caller-ip", "88.240.188.2"], {"caller_ip": "88.240.188.2"}),
            (["--flow-control-key", "smtp"], {"flow_control_key": "smtp"}),
            (["--run-id", "wfr_5XAx4IJergqkGK1v23VzR"], {"workflow_run_id": "wfr_5XAx4IJergqkGK1v23VzR"}),
            (["--workflow-url", "https://my.app/workflow"], {"workflow_url": "https://my.app/workflow"}),
            (["--created-at", "1752829293531"], {"workflow_created_at": 1752829293531}),
            (["--since", "1752828570000"], {"from_date": 1752828570000}),
            (["--until", "2025-07-18T08:50:00Z"], {"to_date": "2025-07-18T08:50:00Z"}),
        ],
    )
    def test_those_of_the_client_select_the_same_runs(
        self, cli: Cli, library: DLQClient, typed: list[str], meant: dict[str, Any]
    ) -> None:
        expected = [run.dlq_id for run in library.list(**meant)]
        assert 0 < len(expected) < 60
        assert cli("list", *typed, "-o", "ids").lines == expected
        assert cli("count", *typed).out == f"{len(expected)}\n"

    def test_an_age_is_before_now(self, cli: Cli, empty_queue: Emulator) -> None:
        now = int(datetime.now(UTC).timestamp() * 1000)
        for minutes in (5, 30, 300):
            empty_queue.add({"dlqId": f"{now - minutes * 60_000}-0"})
        assert cli("count", "--since", "15m").out == "1\n"
        assert cli("count", "--since", "1h").out == "2\n"
        assert cli("count", "--since", "1h", "--until", "10m").out == "1\n"

    def test_failure_and_contains_look_at_the_failure(self, cli: Cli, library: DLQClient) -> None:
        runs = list(library.list())
        named = [run.dlq_id for run in runs if run.failure.name == "HTTP 502"]
        assert 0 < len(named) < 60
        assert cli("list", "--failure", "HTTP 502", "-o", "ids").lines == named
        containing = [run.dlq_id for run in runs if "gateway" in run.failure.message.lower()]
        assert cli("list", "--contains", "GATEWAY", "-o", "ids").lines == containing
        both = cli("list", "--failure", "Error", "--contains", "gateway", "-o", "ids").lines
        assert both == [run.dlq_id for run in runs if run.failure.name == "Error" and run.dlq_id in containing]

    def test_a_fingerprint_of_a_summary_selects_its_group(self, cli: Cli, queue: Emulator) -> None:
        for group in cli("summary", "-o", "json").json["groups"]:
            assert cli("count", "--fingerprint", group["key"]).out == f"{group['count']}\n"

    @pytest.mark.parametrize(
        "typed",
        [
            ["--label", ""],
            ["--contains", " "],
            ["--failure", ""],
            ["--run-id", ""],
            ["--since", ""],
            ["--fingerprint", ""],
        ],
    )
    def test_an_empty_value_is_an_error_and_never_everything(self, cli: Cli, queue: Emulator, typed: list[str]) -> None:
        for command in ("list", "count", "summary", "check"):
            result = cli(command, *typed)
            assert result.status == 2
            assert "empty" in result.error
        assert cli("resume", *typed, "--yes").status == 2
        assert queue.requests == []


class TestShow:
    def test_json_is_the_payload(self, cli: Cli, queue: Emulator) -> None:
        one, other = failed_runs(2)
        assert cli("show", RECORDED, "-o", "json").json == one
        assert cli("show", RECORDED, other["dlqId"], "-o", "json").json == [one, other]

    def test_a_run_that_is_gone_is_named(self, cli: Cli, queue: Emulator) -> None:
        gone = cli("show", "1-0")
        assert (gone.status, gone.out) == (1, "")
        assert "there is no failed run '1-0'" in gone.error
        partly = cli("show", "1-0", RECORDED, "-o", "json")
        assert partly.status == 3
        assert [run["dlqId"] for run in partly.json] == [RECORDED]

    def test_a_person_reads_why_it_failed_and_what_was_sent(self, cli: Cli, queue: Emulator) -> None:
        shown = cli("show", RECORDED).out
        for text in (
            "Failed run 1752829295505-0",
            "WorkflowNonRetryableError: this workflow has stopped",
            "https://my.app/workflow",
            '"message": "this workflow has stopped"',
            "CALLBACK_SUCCESS",
        ):
            assert text in shown

    def test_a_very_long_line_is_cut_and_says_so(self, cli: Cli, empty_queue: Emulator) -> None:
        long = json.dumps({"error": "Error", "message": "x" * 100_000})
        empty_queue.add({"dlqId": RECORDED, "responseBody": long, "responseStatus": 500})
        shown = cli("show", RECORDED).lines
        assert max(map(len, shown)) < 2_100
        [failure] = [line for line in shown if line.startswith("  failure ")]
        assert failure.endswith("… (cut; -o json has all of it)")
        assert cli("show", RECORDED, "-o", "json").json["responseBody"] == long


class TestCountAndCheck:
    def test_a_count_is_a_number(self, cli: Cli, queue: Emulator) -> None:
        assert cli("count").out == "60\n"
        assert cli("count", "-o", "json").json == {"count": 60}

    @pytest.mark.parametrize(("most", "code"), [("59", 1), ("60", 0), ("0", 1)])
    def test_check_fails_beyond_its_maximum(self, cli: Cli, queue: Emulator, most: str, code: int) -> None:
        result = cli("check", "--max", most)
        assert result.status == code
        assert (result.out == "") is (code == 0)
        if code:
            assert result.error == f"upstash-dlq: 60 failed runs match, and {most} are allowed"

    def test_check_of_an_empty_queue_is_quiet(self, cli: Cli, empty_queue: Emulator) -> None:
        result = cli("check")
        assert (result.status, result.out, result.err) == (0, "", "")


class TestSummary:
    def test_it_counts_every_run_once(self, cli: Cli, library: DLQClient) -> None:
        summary = cli("summary", "-o", "json", "--limit", "all").json
        assert summary["total"] == 60
        assert sum(group["count"] for group in summary["groups"]) == 60
        assert sum(bucket["count"] for bucket in summary["timeline"]) == 60
        assert summary["more_groups"] == 0

    @pytest.mark.parametrize("by", ["failure", "workflow", "label", "status", "hour", "day"])
    def test_each_way_to_group_is_that_of_the_library(self, cli: Cli, library: DLQClient, by: Any) -> None:
        from upstash_workflow_dlq.triage import summarize

        shown = cli("summary", "--by", by, "-o", "json", "--limit", "all").json
        expected = summarize(library.list(), by=by)
        assert [(group["key"], group["count"]) for group in shown["groups"]] == [
            (group.key, group.count) for group in expected.groups
        ]

    def test_pipes_and_programs_get_every_group(self, cli: Cli, queue: Emulator) -> None:
        every = cli("summary", "-o", "json", "--limit", "all").json
        assert len(every["groups"]) > 20
        assert cli("summary", "-o", "json").json == cli("check", "-o", "json").json == every
        for typed in (["summary"], ["check"], ["resume", "--all", "--dry-run"]):
            assert len(cli(*typed).lines) == len(every["groups"])
        assert cli("resume", "--all", "--dry-run", "-o", "json").json == every
        assert len(cli("summary", "--limit", "3").lines) == 3

    @pytest.mark.parametrize(
        ("expiring", "total", "is_known", "said"),
        [
            (1, 1, False, "It may expire within a day (see --retention)"),
            (1, 1, True, "It expires within a day"),
            (1, 2, True, "1 of them expires within a day"),
            (2, 2, True, "2 of them expire within a day"),
            (1, 2, False, "1 of them may expire within a day (see --retention)"),
        ],
    )
    def test_what_expires_is_said_in_english(self, expiring: int, total: int, is_known: bool, said: str) -> None:
        reading = Reading(retention=timedelta(days=3) if is_known else None)
        reading.expiring, reading.count = expiring, total
        assert below(reading, None, 80, "")[-1] == said

    def test_groups_beyond_the_limit_are_counted(self, cli: Cli, queue: Emulator) -> None:
        every = cli("summary", "-o", "json", "--limit", "all").json
        few = cli("summary", "-o", "json", "--limit", "2").json
        assert few["groups"] == every["groups"][:2]
        assert few["more_groups"] == len(every["groups"]) - 2

    def test_a_picture_shows_the_same(self, cli: Cli, queue: Emulator, tmp_path: Any) -> None:
        pytest.importorskip("matplotlib")
        for name in ("a.svg", "a.png"):
            result = cli("summary", "--plot", str(tmp_path / name))
            assert (result.status, result.err) == (0, f"Drawn to {tmp_path / name}.\n")
            assert (tmp_path / name).stat().st_size > 5000

    def test_a_picture_of_letters_that_no_font_has_warns_of_nothing(
        self, cli: Cli, empty_queue: Emulator, tmp_path: Any
    ) -> None:
        pytest.importorskip("matplotlib")
        body = json.dumps({"error": "Error", "message": "名前 \U0001f4ec"}, ensure_ascii=False)
        empty_queue.add({"dlqId": RECORDED, "responseBody": body, "responseStatus": 500})
        path = tmp_path / "a\x1b[31m.png"
        result = cli("summary", "--plot", str(path))
        assert (result.status, result.err) == (0, f"Drawn to {tmp_path}/a\\x1b[31m.png.\n")

    def test_a_picture_that_cannot_be_written_is_named(self, cli: Cli, queue: Emulator, tmp_path: Any) -> None:
        pytest.importorskip("matplotlib")
        (tmp_path / "b.svg").mkdir()
        folder = cli("summary", "--plot", str(tmp_path / "b.svg"))
        assert (folder.status, folder.error) == (
            2,
            f"upstash-dlq: --plot {tmp_path}/b.svg is a folder: name a file in it; nothing was sent",
        )
        (tmp_path / "a.svg").symlink_to("/dev/null")
        device = cli("summary", "--plot", str(tmp_path / "a.svg"))
        assert (device.status, device.error) == (
            2,
            f"upstash-dlq: --plot {tmp_path}/a.svg is no file: pass another name; nothing was sent",
        )
        assert queue.requests == []

    @pytest.mark.parametrize("name", ["a.svg", "a.png"])
    def test_an_old_picture_is_replaced_whole_or_not_at_all(
        self, cli: Cli, queue: Emulator, tmp_path: Any, name: str
    ) -> None:
        pytest.importorskip("matplotlib")
        path, link = tmp_path / name, tmp_path / f"link-{name}"
        path.write_text("old")
        path.chmod(0o640)
        link.symlink_to(path)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, limits[1]))
        try:
            full = cli("summary", "--limit", "2", "--plot", str(path))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, ignored)
        assert (full.status, full.error) == (1, f"upstash-dlq: --plot {path} cannot be written: File too large")
        assert path.read_text() == "old"
        assert cli("summary", "--plot", str(link)).status == 0
        assert link.is_symlink()
        assert (path.stat().st_size > 5000, path.stat().st_mode & 0o777) == (True, 0o640)
        assert sorted(file.name for file in tmp_path.iterdir()) == [name, f"link-{name}"]

    def test_a_new_picture_may_be_read_by_those_who_may_read_other_files(
        self, cli: Cli, queue: Emulator, tmp_path: Any
    ) -> None:
        pytest.importorskip("matplotlib")
        assert cli("summary", "--plot", str(tmp_path / "a.svg")).status == 0
        (tmp_path / "other").touch()
        assert (tmp_path / "a.svg").stat().st_mode == (tmp_path / "other").stat().st_mode

    @pytest.mark.parametrize("name", ["a.pdf", "a", "none/a.svg"])
    def test_a_picture_that_cannot_be_drawn_is_refused_before_anything_is_read(
        self, cli: Cli, queue: Emulator, tmp_path: Any, name: str
    ) -> None:
        pytest.importorskip("matplotlib")
        assert cli("summary", "--plot", str(tmp_path / name)).status == 2
        assert queue.requests == []

    def test_one_run_with_an_id_of_a_wrong_type_fails_no_command(self, cli: Cli, empty_queue: Emulator) -> None:
        broken = '{"messages": [{"dlqId": 5, "workflowUrl": "https://a.example/broken"}]}'
        empty_queue.fail(faults.status(200, broken), times=1)
        summary = cli("summary", "-o", "json")
        assert (summary.status, summary.json["total"], summary.json["expiring_within_a_day"]) == (0, 1, 0)
        empty_queue.fail(faults.status(200, broken), times=1)
        checked = cli("check")
        assert (checked.status, checked.err) == (1, "upstash-dlq: 1 failed run matches, and 0 are allowed\n")
