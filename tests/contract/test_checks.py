"""Checking answers against any spec, and finding the spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import upstash_workflow_dlq.contract
from upstash_workflow_dlq.contract._checks import MAX_VIOLATIONS, Contract
from upstash_workflow_dlq.contract._spec import Spec, read_spec, spec_path

ROOT = Path(__file__).parents[2]


def contract(schema: Any, **more: Any) -> Contract:
    """A spec with one operation, whose success has this schema."""
    responses = {"200": {"content": {"application/json": {"schema": schema}}}}
    return Contract(Spec({"paths": {"/thing": {"get": {"responses": responses}}}, **more}))


def found(schema: Any, value: Any, **more: Any) -> list[str]:
    drifts = contract(schema, **more).drifts("GET", "/thing", 200, json.dumps(value).encode())
    return sorted(f"{drift.kind.value} {drift.path} {drift.detail}".rstrip() for drift in drifts)


def statuses(responses: dict[Any, Any], status: int, content: bytes = b"{}", **more: Any) -> list[str]:
    spec = Spec({"paths": {"/thing": {"get": {"responses": responses}}}, **more})
    return [drift.kind.value for drift in Contract(spec).drifts("GET", "/thing", status, content)]


A = {"type": "object", "properties": {"a": {"type": "integer"}}}
B = {"type": "object", "properties": {"b": {"type": "string"}}}


@pytest.mark.parametrize(
    ("schema", "value", "drift"),
    [
        ({}, {"x": 1}, []),
        (True, {"x": 1}, []),
        ({"type": "object"}, {"x": 1}, []),
        (A, {"a": 1, "x": 1}, ["undocumented_field x integer"]),
        # The field that is wrong leaves the others documented.
        (A, {"a": "1", "x": 1}, ["undocumented_field x integer", "wrong_type a string instead of integer"]),
        (A | {"additionalProperties": True}, {"x": 1}, []),
        (A | {"unevaluatedProperties": {}}, {"x": 1}, []),
        (A | {"patternProperties": {"^x": {}}}, {"x": 1}, []),
        (A | {"additionalProperties": False}, {"x": 1}, ["undocumented_field x integer"]),
        ({"allOf": [A, B], "unevaluatedProperties": False}, {"x": 1}, ["undocumented_field x integer"]),
        # Each part of a whole names some of the fields.
        ({"allOf": [A, B]}, {"a": 1, "b": "", "x": 1}, ["undocumented_field x integer"]),
        ({"oneOf": [A | {"required": ["a"]}, B | {"required": ["b"]}]}, {"a": 1, "x": 1}, [
            "undocumented_field x integer",
        ]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 1, ["schema_violation  against anyOf"]),
        # Fields of the same name in several parts.
        (
            {"allOf": [{"properties": {"in": A}}, {"properties": {"in": B}}]},
            {"in": {"a": 1, "b": "", "x": 1}},
            ["undocumented_field in.x integer"],
        ),
        # Maps: any key is fine, the values are checked.
        ({"additionalProperties": A}, {"k": {"x": 1}, "l": {"a": None}}, [
            "undocumented_field *.x integer", "wrong_type *.a null instead of integer",
        ]),
        ({"properties": {"m": {"additionalProperties": {"items": A}}}}, {"m": {"k": [{"x": 1}]}}, [
            "undocumented_field m.*[].x integer",
        ]),
        # Not what it should be, and nothing below it to look at.
        ({"type": "array", "items": A}, {"x": 1}, ["wrong_type  object instead of array"]),
        ({"type": "array", "items": A}, [{"x": 1}, True], [
            "undocumented_field [].x integer", "wrong_type [] boolean instead of object",
        ]),
        (A | {"required": ["a", "b.c"]}, {}, ['missing_field "b.c"', "missing_field a"]),
        ({"type": ["string", "null"]}, 1.5, ["wrong_type  number instead of null or string"]),
        ({"properties": {"a": False}}, {"a": 1}, ["schema_violation a against a"]),
        ({"type": "integer", "maximum": 5}, 6, ["schema_violation  against maximum"]),
        ({"type": "integer", "format": "int64"}, 10**30, []),
        ({"items": {"type": "string"}}, ["\ud83d", "\U0001f600", 1], ["wrong_type [] number instead of string"]),
        (A, {"\ud83d": 1}, ['undocumented_field "\\ud83d" integer']),
        (A, {"x": [1, 1.5, {}], "y": [], "z": None}, [
            "undocumented_field x array of (integer or number or object)",
            "undocumented_field y array", "undocumented_field z null",
        ]),
        (A, {"x": [[1], None], "y": [[[]]], "z": [["a", 1]]}, [
            "undocumented_field x array of (array of integer or null)",
            "undocumented_field y array of (array of array)",
            "undocumented_field z array of (array of (integer or string))",
        ]),
        (A, {"x": [[[[[[[1]]]]]]]}, [
            "undocumented_field x array of (array of (array of (array of (array of array))))",
        ]),
    ],
)  # fmt: skip
def test_drift_from_a_schema(schema: Any, value: Any, drift: list[str]) -> None:
    assert found(schema, value) == drift


def test_a_schema_may_contain_itself() -> None:
    tree = {"properties": {"name": {"type": "string"}, "children": {"items": {"$ref": "#/components/schemas/Tree"}}}}
    forest = {"additionalProperties": {"$ref": "#/components/schemas/Forest"}}
    schemas = {"schemas": {"Tree": tree, "Forest": forest}}
    value = {"name": "a", "children": [{"name": 1, "children": [{"x": 1}]}]}
    assert found({"$ref": "#/components/schemas/Tree"}, value, components=schemas) == [
        "undocumented_field children[].children[].x integer",
        "wrong_type children[].name number instead of string",
    ]
    assert found({"$ref": "#/components/schemas/Forest"}, {"a": {"b": {}}}, components=schemas) == []


def test_parts_may_refer_to_each_other() -> None:
    schemas = {"A": {"allOf": [{"$ref": "#/components/schemas/B"}], **A}, "B": B}
    assert found({"$ref": "#/components/schemas/A"}, {"a": 1, "b": "", "x": 1}, components={"schemas": schemas}) == [
        "undocumented_field x integer"
    ]


def test_no_more_violations_are_looked_at_than_one_answer_is_worth() -> None:
    body = json.dumps([1] * 5 * MAX_VIOLATIONS + [{"x": 1}]).encode()
    assert len(contract({"items": A}).drifts("GET", "/thing", 200, body)) == 2


def test_a_status_may_be_documented_by_its_class_or_as_the_default() -> None:
    json_body: dict[str, Any] = {"content": {"application/problem+json; charset=utf-8": {}}}
    assert statuses({"4XX": json_body}, 418, b"tea") == ["not_json"]
    assert statuses({"4XX": json_body}, 418) == []
    assert statuses({"4XX": json_body}, 200) == ["undocumented_status"]
    assert statuses({"default": json_body, "4XX": {}}, 500, b"oops") == ["not_json"]
    assert statuses({"default": json_body, "4XX": {}}, 404, b"oops") == []
    assert statuses({200: json_body}, 200, b"an unquoted status") == ["not_json"]


NUMBERS = {"type": "object", "properties": {"n": {"type": "number", "maximum": 5}, "i": {"type": "integer"}}}


@pytest.mark.parametrize(
    "body",
    [
        *(b'{"n": NaN}', b'{"n": Infinity}', b'{"n": -Infinity}', b'{"other": NaN}', b"NaN", b"[Infinity]"),
        *("{}".encode("utf-16"), b"\xef\xbb\xbf{}", b'{"n": "\xff"}', b'{"n": "\xed\xa0\x80"}', b"{}{}"),
    ],
)
def test_what_only_python_takes_for_json_is_not_json(body: bytes) -> None:
    drifts = contract(NUMBERS).drifts("GET", "/thing", 200, body)
    assert [drift.kind.value for drift in drifts] == ["not_json"]


@pytest.mark.parametrize(
    ("body", "drift"),
    [
        (b'{"n": 1e999}', ["schema_violation"]),
        (b'{"n": -1e999}', []),
        (b'{"i": 1e999}', []),
        (b'{"i": %d}' % 10**400, []),
        (b'{"i": -1%s}' % (b"0" * 5000), []),
        (b'{"n": 1%s}' % (b"0" * 5000), ["schema_violation"]),
        (b'{"n": -1%s}' % (b"0" * 5000), []),
        (b'{"i": "\\ud800", "n": 1e999}', ["schema_violation", "wrong_type"]),
        (b'{"i": 18446744073709551616}', []),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_numbers_of_any_size_are_numbers(body: bytes, drift: list[str]) -> None:
    drifts = contract(NUMBERS).drifts("GET", "/thing", 200, body)
    assert sorted(drift.kind.value for drift in drifts) == drift


def test_only_json_is_held_against_a_schema() -> None:
    assert statuses({"200": {"content": {"text/plain": {"schema": {"type": "string"}}}}}, 200, b"plain") == []


def test_responses_may_be_references() -> None:
    response = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/A"}}}}
    components = {"responses": {"a~b/c": response}, "schemas": {"A": A}}
    responses = {"200": {"$ref": "#/components/responses/a~0b~1c"}}
    assert statuses(responses, 200, b'{"x": 1}', components=components) == ["undocumented_field"]


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        ("#/components/schemas/Nothing", "which it does not have"),
        ("#/components/schemas/Circle", "in a circle"),
        ("https://elsewhere.example/schema.json", "which it does not have"),
    ],
)
def test_a_reference_to_nothing_is_an_error(reference: str, complaint: str) -> None:
    circle = {"Circle": {"$ref": "#/components/schemas/Circle"}}
    with pytest.raises(ValueError, match=complaint):
        found({"$ref": reference}, {}, components={"schemas": circle})


def test_nothing_is_ever_fetched() -> None:
    with pytest.raises(ValueError, match="another document"):
        found({"not": {"$ref": "https://elsewhere.example/schema.json"}}, {})


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "/v2/workflows/dlq", "listFailedRuns"),
        ("GET", "/v2/workflows/dlq/1-0", "getFailedRun"),
        ("GET", "/v2/workflows/dlq/resume", "getFailedRun"),
        ("GET", "/v2/workflows/dlq/a%2Fb", "getFailedRun"),
        ("POST", "/v2/workflows/dlq/resume", "resumeFailedRuns"),
        ("POST", "/v2/workflows/dlq/resume/1-0", "resumeFailedRun"),
        ("POST", "/behind/a/gateway/v2/workflows/dlq/callback/1-0", "retryFailureCallback"),
        ("POST", "/v2/workflows/dlq", "POST /v2/workflows/dlq"),
        ("GET", "/v2/workflows/dlq/", "GET /v2/workflows/dlq/"),
        ("GET", "/v2/workflows/dlq/resume/1-0", "GET /v2/workflows/dlq/resume/*"),
        ("GET", "/v2/messages/msg_1", "GET /v2/*/*"),
        ("GET", "/not-v2/workflows/dlq", "GET /*/workflows/dlq"),
    ],
)
def test_operations_are_found_by_method_and_path(method: str, path: str, operation: str) -> None:
    [drift] = Contract(read_spec(spec_path())).drifts(method, path, 299, b"")
    assert drift.operation == operation


def test_a_path_without_parameters_wins() -> None:
    paths: dict[str, Any] = {
        f"/things/{name}": {"get": {"operationId": name, "responses": {}}}
        for name in ("{id}", "all", "{id}/x", "all/x")
    }
    contract = Contract(Spec({"paths": paths}))
    assert [
        drift.operation
        for path in ("/things/all", "/things/1", "/things/all/x", "/things/1/x")
        for drift in contract.drifts("GET", path, 200, b"")
    ] == ["all", "{id}", "all/x", "{id}/x"]


@pytest.mark.parametrize("document", [None, [], "text", {}, {"paths": None}])
def test_a_document_that_is_not_openapi_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match="not an OpenAPI document"):
        Spec(document)


# Where the spec is


def test_a_checkout_has_the_spec_in_its_root_only() -> None:
    package = Path(upstash_workflow_dlq.contract.__file__).parent
    assert not (package / "openapi.yaml").exists()
    assert spec_path() == ROOT / "openapi.yaml"


def test_an_installed_package_has_the_spec_beside_it(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "upstash_workflow_dlq" / "contract"
    package.mkdir(parents=True)
    (tmp_path / "openapi.yaml").touch()
    assert spec_path(package) == tmp_path / "openapi.yaml"
    (package / "openapi.yaml").touch()
    assert spec_path(package) == package / "openapi.yaml"


def test_without_a_spec_the_message_says_where_one_should_be(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no openapi\.yaml in .*contract or "):
        spec_path(tmp_path / "site-packages" / "upstash_workflow_dlq" / "contract")
