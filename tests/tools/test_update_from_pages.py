"""Documentation pages as sources, and full documents in their other spellings."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from specs import PAGES, SPECS, TODAY, Result, edited, load

from tools.spec.names import operation_id

Update = Callable[..., Result]
LIST_PAGE = (SPECS / "list.md").read_text(encoding="utf-8")


@pytest.fixture
def page(tmp_path: Path) -> Callable[..., Path]:
    """The page of list with edits."""

    def make(*edits: tuple[str, str], name: str = "page.md") -> Path:
        path = tmp_path / name
        path.write_text(edited(LIST_PAGE, *edits), encoding="utf-8")
        return path

    return make


@pytest.mark.parametrize("pages", list(permutations(PAGES)), ids=lambda pages: " ".join(page.stem for page in pages))
def test_pages_that_say_what_we_have_change_nothing_in_any_order(
    update: Update, spec_file: Path, pages: tuple[Path, ...]
) -> None:
    before = spec_file.stat().st_mtime_ns, spec_file.read_bytes()
    result = update(*pages)
    assert (result.status, result.err) == (0, "")
    assert result.out.endswith("openapi.yaml is up to date already.\n")
    assert (spec_file.stat().st_mtime_ns, spec_file.read_bytes()) == before


def test_where_pages_disagree_the_one_that_knows_more_wins_and_it_is_said(update: Update, spec_file: Path) -> None:
    [note, _] = update(*PAGES, "--json").json["notes"]
    assert note.startswith("schemas.WorkflowDLQMessage: took the one of ")
    assert "list.md (21 properties) over that of " in note
    assert note.endswith("get.md (20)")
    assert "labels" in load(spec_file.read_text())["components"]["schemas"]["WorkflowDLQMessage"]["properties"]


@pytest.mark.parametrize("alone", PAGES, ids=lambda page: page.stem)
def test_a_page_is_silent_on_what_it_is_not_about(update: Update, spec_file: Path, alone: Path) -> None:
    assert update(alone).status == 0
    assert spec_file.read_text() == TODAY  # of the older page, too


def test_a_newer_version_wins_over_one_with_more(update: Update, page: Callable[..., Path]) -> None:
    labels = """        labels:
          type: array
          items:
            type: string
          description: The list of labels assigned to the workflow run.
"""
    result = update(PAGES[0], page((labels, ""), ("  version: 2.0.0", "  version: 2.0.1")), "--json")
    assert result.status == 1
    assert [(change["class"], change["property"]) for change in result.json["changes"]] == [
        ("breaking", "labels"),
        ("wording", None),
    ]


def test_a_page_may_be_edited_in_place(update: Update, spec_file: Path, page: Callable[..., Path]) -> None:
    words = "            Filter by label assigned to the workflow run. Supports multi-value\n"
    result = update(page((words, words.replace("Filter", "Select"))), "--json")
    assert [change["message"] for change in result.json["changes"]] == ["description has other words"]
    assert spec_file.read_text() == edited(TODAY, (words, words.replace("Filter", "Select")))


def test_a_widened_parameter_of_ours_follows_the_source_in_all_else(
    update: Update, spec_file: Path, page: Callable[..., Path]
) -> None:
    old, new = "Filter by IP address of the publisher.", "Filter by IP address."
    assert update(page((old, new))).status == 0
    assert spec_file.read_text() == edited(TODAY, (old, new))


def test_pages_with_other_fences_around_other_text_are_read(update: Update, tmp_path: Path) -> None:
    path = tmp_path / "page.mdx"
    example = "```yaml example.yaml\nkey: value\n```\n\n```bash\ncurl https://host\n```\n"
    block = LIST_PAGE.replace("````yaml", "~~~~~yaml", 1).replace("\n````", "\n~~~~~~")
    path.write_bytes(b"\xef\xbb\xbf" + (example + block).replace("\n", "\r\n").encode())
    assert update(path).out.endswith("is up to date already.\n")


def test_an_added_property_stays_where_it_is_until_the_source_has_it(
    update: Update, spec_file: Path, page: Callable[..., Path]
) -> None:
    there = "        flowControlKey:\n          type: string\n          description: The flow control key"
    ours = "        messageId:\n          type: string\n          x-addition: Seen in payloads.\n"
    theirs = "        messageId:\n          type: string\n          description: The ID of the message.\n"
    spec_file.write_text(edited(TODAY, (there, ours + there)))
    old, new = "The list of labels assigned to the workflow run.", "All labels."
    update(page((old, new)))
    assert spec_file.read_text() == edited(TODAY, (there, ours + there), (old, new))
    result = update(page((there, theirs + there), (old, new)), "--json")
    assert spec_file.read_text() == edited(TODAY, (there, theirs + there), (old, new))
    assert [change["message"] for change in result.json["changes"]] == ["is documented by the vendor now"]
    assert "messageId" not in result.json["notes"][-1]


def test_it_does_not_matter_where_the_source_keeps_a_parameter(update: Update, spec_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    document = full_document()
    operation = document["paths"]["/v2/workflows/dlq"]["get"]
    parameters = {parameter["name"]: parameter for parameter in operation["parameters"]}
    document["components"]["parameters"] = {"callerIp": {**parameters["callerIp"], "description": "Where from."}}
    parameters["callerIp"] = {"$ref": "#/components/parameters/callerIp"}
    operation["parameters"] = list(parameters.values())
    path.write_text(json.dumps(document))
    update(path)
    [ours] = [
        parameter
        for parameter in load(spec_file.read_text())["paths"]["/v2/workflows/dlq"]["get"]["parameters"]
        if parameter["name"] == "callerIp"
    ]
    assert ours["schema"]["type"] == "array"
    assert ours["description"] == "Where from."


def test_our_own_additions_of_a_parameter_end_when_the_whole_path_has_it(
    update: Update, spec_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "openapi.json"
    document = full_document()
    item = document["paths"]["/v2/workflows/dlq"]
    [moved] = [parameter for parameter in item["get"]["parameters"] if parameter["name"] == "callerIp"]
    item["get"]["parameters"].remove(moved)
    item["parameters"] = [{**moved, "schema": {"type": "array", "items": {"type": "string"}}}]
    path.write_text(json.dumps(document))
    update(path)
    item = load(spec_file.read_text())["paths"]["/v2/workflows/dlq"]
    assert "callerIp" not in [parameter["name"] for parameter in item["get"]["parameters"]]
    assert [parameter["name"] for parameter in item["parameters"]] == ["callerIp"]


def full_document() -> dict[str, Any]:
    """What the vendor publishes as one, as far as it is ours: no operationIds, none of our additions."""
    document = load(TODAY)
    for path, item in list(document["paths"].items()):
        for method, operation in list(item.items()):
            if "x-addition" in operation:
                del item[method]
            operation.pop("operationId")
        if not item:
            del document["paths"][path]
    for parameter in document["paths"]["/v2/workflows/dlq"]["get"]["parameters"]:
        if parameter.pop("x-addition", None):
            parameter["schema"] = {"type": "string"}
            del parameter["style"], parameter["explode"]
    del document["components"]["parameters"]
    for name in ("DeletedRuns", "StartedRun", "StartedRuns"):
        del document["components"]["schemas"][name]
    return document


def test_a_document_in_json_is_as_good(update: Update, spec_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(full_document(), sort_keys=True, indent="\t"))
    assert update(path).status == 0
    assert spec_file.read_text() == TODAY
    newer = full_document()
    del newer["paths"]["/v2/workflows/dlq"]["get"]["tags"]
    newer["paths"]["/v2/workflows/dlq/pause/{dlqId}"] = {
        "put": {
            "description": "Lines\n\n- of\n- text\n",
            "parameters": [{"in": "path", "name": "dlqId", "required": True, "schema": {"type": "string"}}],
            "responses": {200: {"description": "yes"}},
        }
    }
    path.write_text(json.dumps(newer))
    update(path)
    assert "      description: |\n        Lines\n\n        - of\n        - text\n" in spec_file.read_text()
    assert "    put:\n      operationId: replaceFailedRunPause\n" in spec_file.read_text()
    assert "        '200':\n          description: yes\n" in spec_file.read_text()


def test_what_a_full_document_no_longer_has_is_gone(update: Update, spec_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    document = full_document()
    del document["paths"]["/v2/workflows/dlq/{dlqId}"]["delete"]
    path.write_text(json.dumps(document))
    result = update(path, "--json")
    assert result.status == 1
    assert [(change["operations"], change["message"]) for change in result.json["changes"]] == [
        (["deleteFailedRun"], "is gone")
    ]
    assert result.json["notes"][-1] == (
        'dropped a comment, since what it is about is gone: # From seed 004, "Delete Failed Workflow Run".'
    )
    # Our additions are not the vendor's to take away.
    assert "restartFailedRuns" in spec_file.read_text()
    assert "# From seed 000" in spec_file.read_text()


def test_components_leave_with_their_last_user(update: Update, spec_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"
    document = full_document()
    vendors = load(TODAY)["paths"]
    parameter = {"in": "path", "name": "dlqId", "required": True, "schema": {"type": "string"}}
    for name in ("resume", "restart"):
        for bulk in (f"/v2/workflows/dlq/{name}", f"/v2/workflows/dlq/{name}/{{dlqId}}"):
            operation = dict(vendors[bulk]["post"])
            del operation["x-addition"], operation["operationId"]
            operation["parameters"] = [parameter] if bulk.endswith("}") else []
            operation["responses"] = {"200": {"description": "Yes"}}
            document["paths"][bulk] = {"post": operation}
    path.write_text(json.dumps(document))
    update(path)
    components = load(spec_file.read_text())["components"]
    assert not [name for name in components["parameters"] if name.startswith("upstash")]
    assert "bulkCount" not in components["parameters"]
    assert {"dlqId", "cursor", "count"} <= set(components["parameters"])  # of what is still ours
    assert "StartedRuns" not in components["schemas"]
    assert "StartedRun" in components["schemas"]


def test_aliases_and_merge_keys_are_written_out(update: Update, spec_file: Path, tmp_path: Path) -> None:
    source = tmp_path / "source.yaml"
    source.write_text(
        """openapi: 3.1.0
info: {title: t, version: '1'}
x-shared:
  no: &no {description: &words No}
paths:
  /v2/workflows/dlq:
    get:
      summary: *words
      responses:
        '400': *no
        404:
          <<: *no
          x-more: 1
"""
    )
    update(source)
    operation = load(spec_file.read_text())["paths"]["/v2/workflows/dlq"]["get"]
    assert operation["summary"] == "No"
    assert operation["responses"] == {
        "400": {"description": "No"},
        "404": {"x-more": 1, "description": "No"},
    }
    assert not set("&<") & set(spec_file.read_text().partition("paths:")[2].partition("    delete:")[0])


def test_names_are_as_we_would_have_given_them() -> None:
    for path, item in load(TODAY)["paths"].items():
        for method, operation in item.items():
            assert operation_id(method, path, operation["summary"], "", ()) == operation["operationId"]


@pytest.mark.parametrize(
    ("method", "path", "summary", "given", "name"),
    [
        ("post", "/archive/{dlqId}", "Archive Failed Workflow Run", "", "archiveFailedRun"),
        ("post", "/archive", "Archive Failed Workflow Runs in Bulk", "", "archiveFailedRuns"),
        ("get", "/stats", "DLQ Statistics by Label", "", "getStatisticsLabel"),
        ("post", "/archive/{dlqId}", "", "", "archiveFailedRun"),
        ("post", "/{dlqId}/archive", "", "post_v2_workflows_dlq", "archiveFailedRun"),
        ("get", "/stats", "", "", "getFailedRunsStats"),
        ("patch", "/{dlqId}", "", "", "updateFailedRun"),
        ("put", "", "", "", "replaceFailedRuns"),
        ("post", "", "", "", "createFailedRuns"),
        ("post", "/archive/{dlqId}", "Archive", "keepForLater", "keepForLater"),
        ("post", "/archive/{dlqId}", "Archive", "archive", "archiveFailedRun"),
        ("get", "/{dlqId}/copy", "Get Failed Workflow Run", "getFailedRun", "getFailedRunCopy"),
        ("delete", "/{dlqId}", "Delete Failed Workflow Run", "", "deleteFailedRun"),
        ("post", "/a/{dlqId}", "One two three four five six seven", "", "aFailedRun"),
    ],
)
def test_new_operations_get_a_verb_and_a_noun(method: str, path: str, summary: str, given: str, name: str) -> None:
    assert operation_id(method, f"/v2/workflows/dlq{path}", summary, given, {"getFailedRun", "list"}) == name


def test_no_name_is_given_twice() -> None:
    used = {"archiveFailedRun"}
    for expected in ("archiveFailedRun2", "archiveFailedRun3"):
        name = operation_id("post", "/v2/workflows/dlq/archive/{dlqId}", "", "archivefailedrun", used)
        assert name == expected
        used.add(name)
