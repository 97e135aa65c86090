"""Generated classes keep the names that people import, whatever the vendor calls their schemas."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from specs import CONFIG, NEWER, TODAY, Result, edited, load

from tools.spec.client import client
from tools.spec.overrides import edited as with_names

Update = Callable[..., Result]
Schema = dict[str, Any]

DLQ = "/v2/workflows/dlq"
RUN: Schema = {"type": "object", "properties": {"workflowRunId": {"type": "string"}}}
CALLBACK = f"{DLQ}/callback/{{dlqId}}"


@pytest.fixture
def config_file(spec_file: Path) -> Path:
    return spec_file.with_name("generator-config.yaml")


@pytest.fixture
def source(tmp_path: Path) -> Callable[..., Path]:
    """Today's spec as the vendor could publish it, with other answers to some operations."""

    def make(components: dict[str, Schema] | None = None, **answers: Schema) -> Path:
        document = load(TODAY)
        operations = {
            operation["operationId"]: operation for item in document["paths"].values() for operation in item.values()
        }
        for name, schema in answers.items():
            operations[name]["responses"]["200"]["content"]["application/json"]["schema"] = schema
            operations[name].pop("x-addition", None)
        document["components"]["schemas"] |= components or {}
        path = tmp_path / "source.json"
        path.write_text(json.dumps(document))
        return path

    return make


def classes(spec_file: Path, config_file: Path) -> set[str]:
    return set(client(load(spec_file.read_text()), load(config_file.read_text())).classes)


def test_a_class_keeps_its_name_when_its_schema_loses_its_own(
    update: Update, source: Callable[..., Path], spec_file: Path, config_file: Path
) -> None:
    before = classes(spec_file, config_file)
    deleted: Schema = {"type": "object", "properties": {"deleted": {"type": "integer"}}}
    result = update(source(deleteFailedRuns=deleted))
    assert "DeletedRuns" not in load(spec_file.read_text())["components"]["schemas"]
    assert classes(spec_file, config_file) == before
    assert config_file.read_text() == edited(
        CONFIG,
        (
            "    module_name: failed_runs_page\n",
            "    module_name: failed_runs_page\n  DeleteFailedRunsResponse200:\n    class_name: DeletedRuns\n",
        ),
    )
    assert "- kept the name of a generated class: DeletedRuns" in result.out
    assert result.out.endswith("openapi.yaml and generator-config.yaml updated. Next: nox -s regenerate, then nox.\n")


def test_so_do_the_classes_within_it(
    update: Update, source: Callable[..., Path], spec_file: Path, config_file: Path
) -> None:
    before = classes(spec_file, config_file)
    runs: Schema = {"type": "object", "properties": {"workflowRuns": {"type": "array", "items": RUN}}}
    # With all of these, no schema is called StartedRun or StartedRuns any more.
    names = ("resumeFailedRun", "restartFailedRun", "retryFailureCallback")
    update(source(resumeFailedRuns=runs, restartFailedRuns=runs, **dict.fromkeys(names, RUN)))
    assert {"StartedRun", "StartedRuns"}.isdisjoint(load(spec_file.read_text())["components"]["schemas"])
    assert before <= classes(spec_file, config_file)
    overrides = load(config_file.read_text())["class_overrides"]
    assert overrides["ResumeFailedRunsResponse200"] == {"class_name": "StartedRuns"}
    assert overrides["ResumeFailedRunResponse200"] == {"class_name": "StartedRun"}


def test_a_schema_within_an_inline_one_is_named_after_the_name_that_is_kept(
    update: Update, source: Callable[..., Path], config_file: Path
) -> None:
    page: Schema = {
        "type": "object",
        "properties": {"messages": {"type": "array", "items": {"type": "object", "properties": {"dlqId": {}}}}},
    }
    update(source(listFailedRuns=page, getFailedRun={"type": "string"}))
    overrides = load(config_file.read_text())["class_overrides"]
    assert overrides["FailedRunsPageMessagesItem"] == {"class_name": "WorkflowDLQMessage"}


def test_a_class_keeps_its_name_when_its_schema_gets_another(
    update: Update, source: Callable[..., Path], spec_file: Path, config_file: Path
) -> None:
    page = load(TODAY)["paths"][DLQ]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    before = classes(spec_file, config_file)
    update(source({"DlqPage": page}, listFailedRuns={"$ref": "#/components/schemas/DlqPage"}))
    assert classes(spec_file, config_file) == before
    assert load(config_file.read_text())["class_overrides"]["DlqPage"] == {"class_name": "FailedRunsPage"}


def test_a_title_renames_no_class(
    update: Update, source: Callable[..., Path], spec_file: Path, config_file: Path
) -> None:
    page = load(TODAY)["paths"][DLQ]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    before = classes(spec_file, config_file)
    update(source(listFailedRuns={"title": "Failed Runs", **page}))
    assert classes(spec_file, config_file) == before


def test_nothing_is_written_where_nothing_is_needed(
    update: Update, source: Callable[..., Path], spec_file: Path, config_file: Path
) -> None:
    before = config_file.stat().st_mtime_ns
    update(NEWER)
    # StartedRun is still there, for the operations that are ours alone.
    update(source(resumeFailedRun=RUN))
    assert "ResumeFailedRunResponse200" in classes(spec_file, config_file)
    assert (config_file.stat().st_mtime_ns, config_file.read_text()) == (before, CONFIG)


def test_names_find_their_place_in_any_configuration() -> None:
    more = {"NewResponse200": {"class_name": "Old"}}
    assert with_names("c", "field_prefix: f_\n", more) == (
        "field_prefix: f_\nclass_overrides:\n  NewResponse200:\n    class_name: Old\n"
    )
    text = "class_overrides:\n    A:\n        class_name: B\n    # A comment.\n\nfield_prefix: f_ # another\n"
    assert with_names("c", text, more) == edited(
        text, ("class_name: B\n", "class_name: B\n    NewResponse200:\n      class_name: Old\n")
    )
    text = "class_overrides:\n  A:\n    class_name: B\n  C:\n    class_name: D\n"
    assert with_names("c", text, {"A": {"class_name": "Old", "module_name": "older"}}) == (
        "class_overrides:\n  C:\n    class_name: D\n  A:\n    class_name: Old\n    module_name: older\n"
    )


def test_a_configuration_that_cannot_be_edited_is_refused_with_what_it_needs(
    update: Update, source: Callable[..., Path], spec_file: Path, config_file: Path
) -> None:
    config_file.write_text("class_overrides: {ListFailedRunsResponse200: {class_name: FailedRunsPage}}\n")
    result = update(source(deleteFailedRuns=RUN))
    assert result.status == 2
    assert "write them as a block, with these: " in result.error
    assert "DeleteFailedRunsResponse200" in result.error
    assert spec_file.read_text() == TODAY


@pytest.mark.parametrize("failing", [1, 2])
def test_both_files_change_or_none(
    update: Update,
    source: Callable[..., Path],
    spec_file: Path,
    config_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    failing: int,
) -> None:
    replace = os.replace
    calls: list[object] = []

    def fail_once(one: Path, other: Path) -> None:
        calls.append(other)
        if len(calls) == failing:
            raise OSError(13, "Permission denied")
        replace(one, other)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", fail_once)
        result = update(source(deleteFailedRuns=RUN))
    assert result.status == 2
    assert "cannot be written (Permission denied)" in result.error
    assert (spec_file.read_text(), config_file.read_text()) == (TODAY, CONFIG)


def test_a_broken_configuration_is_refused(update: Update, spec_file: Path, config_file: Path) -> None:
    for broken in ("- a list\n", "class_overrides: 7\n"):
        config_file.write_text(broken)
        assert update(NEWER).status == 2
        assert (spec_file.read_text(), config_file.read_text()) == (TODAY, broken)
    config_file.unlink()
    assert "generator-config.yaml cannot be read" in update(NEWER).error
    config_file.write_text(CONFIG)
