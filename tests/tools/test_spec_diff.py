"""Each kind of change, in requests and in answers, and its class."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from specs import PAGES, Result, changes

from tools.spec import diff as spec_diff
from tools.spec.diffing import as_text, breaks, compare

Schema = dict[str, Any]


def spec(**parts: Any) -> dict[str, Any]:
    """A document with one operation. What is not given is there in its plainest form."""
    operation: dict[str, Any] = {
        "operationId": "listRuns",
        "tags": ["DLQ"],
        "responses": {"200": {"description": "yes"}},
    }
    head = {key: parts.pop(key) for key in ("servers", "security", "info", "components") if key in parts}
    document = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/runs": {"get": operation}}}
    operation.update(parts)
    return document | head


def query(schema: Schema, **more: Any) -> dict[str, Any]:
    return spec(parameters=[{"in": "query", "name": "label", "schema": schema, **more}])


def body(schema: Schema) -> dict[str, Any]:
    return spec(requestBody={"content": {"application/json": {"schema": schema}}})


def answer(schema: Schema) -> dict[str, Any]:
    return spec(responses={"200": {"description": "yes", "content": {"application/json": {"schema": schema}}}})


def kinds(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [kind for kind, _ in changes(old, new)]


STRING: Schema = {"type": "string"}
STRINGS: Schema = {"type": "array", "items": STRING}

# From the second to the first of each, all that was allowed still is, and more.
WIDER_AND_NARROWER: list[tuple[str, Schema, Schema]] = [
    ("number", {"type": "number"}, {"type": "integer"}),
    ("null too", {"type": ["string", "null"]}, STRING),
    ("null too, as in 3.0", {"type": "string", "nullable": True}, STRING),
    ("any type", {}, STRING),
    ("64 bits", {"type": "integer", "format": "int64"}, {"type": "integer", "format": "int32"}),
    ("any format", STRING, {"type": "string", "format": "uri"}),
    ("a higher maximum", {"type": "integer", "maximum": 100}, {"type": "integer", "maximum": 50}),
    ("no maximum", {"type": "integer"}, {"type": "integer", "exclusiveMaximum": 50}),
    ("a lower minimum", {"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 1}),
    ("longer", {"type": "string", "maxLength": 9}, {"type": "string", "maxLength": 8}),
    ("shorter", {"type": "string", "minLength": 1}, {"type": "string", "minLength": 2}),
    ("more items", {**STRINGS, "maxItems": 9}, {**STRINGS, "maxItems": 8}),
    ("repeated items", STRINGS, {**STRINGS, "uniqueItems": True}),
    ("no pattern", STRING, {"type": "string", "pattern": "^a"}),
    ("an alternative", {"oneOf": [STRING, STRINGS]}, {"oneOf": [STRING]}),
    ("alternatives at all", {"anyOf": [STRING, STRINGS]}, STRING),
    ("other items", {"type": "array", "items": {"type": "number"}}, {"type": "array", "items": {"type": "integer"}}),
]
named = pytest.mark.parametrize(
    ("wider", "narrower"), [pytest.param(wider, narrower, id=name) for name, wider, narrower in WIDER_AND_NARROWER]
)


@named
def test_a_request_may_widen_and_an_answer_may_narrow(wider: Schema, narrower: Schema) -> None:
    assert kinds(body(narrower), body(wider)) == ["widened"]
    assert kinds(body(wider), body(narrower)) == ["breaking"]
    assert kinds(answer(wider), answer(narrower)) == ["added"]
    assert kinds(answer(narrower), answer(wider)) == ["breaking"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (STRING, {"type": "integer"}),
        ({"type": "string", "pattern": "a"}, {"type": "string", "pattern": "b"}),
        ({"type": "string", "enum": ["a"]}, {"type": "string", "enum": ["b"]}),
        (STRING, {"type": "string", "format": "date-time"}),
        (STRINGS, STRING),
    ],
    ids=["type", "pattern", "values", "what the generator makes another type of", "one instead of several"],
)
def test_what_neither_widens_nor_narrows_breaks_both_ways(old: Schema, new: Schema) -> None:
    assert "breaking" in kinds(body(old), body(new))
    assert "breaking" in kinds(answer(old), answer(new))


def test_true_is_not_one() -> None:
    assert kinds(query({"type": "string", "default": True}), query({"type": "string", "default": 1})) == ["breaking"]


@pytest.mark.parametrize("form", [{}, {"style": "form"}, {"explode": True}, {"style": "form", "explode": False}])
def test_a_query_parameter_that_takes_several_values_is_widened(form: dict[str, Any]) -> None:
    assert changes(query(STRING), query(STRINGS, **form)) == [
        ("widened", "listRuns: query parameter label takes several values")
    ]


def test_several_values_of_another_kind_are_not() -> None:
    numbers = {"type": "array", "items": {"type": "integer"}}
    assert kinds(query(STRING), query(numbers)) == ["breaking"]
    assert kinds(query({"type": "integer"}), query({"type": "array", "items": {"type": "number"}})) == [
        "widened",
        "widened",
    ]
    listed = {"type": "array", "items": {"type": "string", "enum": ["a"]}}
    assert kinds(query(STRING), query(listed)) == ["breaking", "widened"]
    assert kinds(query(STRING), query({**STRINGS, "minItems": 2})) == ["breaking", "widened"]
    header = spec(parameters=[{"in": "header", "name": "label", "schema": STRING}])
    headers = spec(parameters=[{"in": "header", "name": "label", "schema": STRINGS}])
    assert kinds(header, headers) == ["breaking", "breaking"]  # nor can the generator make a client of it


def test_defaults_of_style_and_explode_may_be_written_out() -> None:
    assert changes(query(STRINGS), query(STRINGS, style="form", explode=True)) == []
    assert changes(query(STRING), query(STRING, explode=False)) == []
    assert changes(query(STRINGS), query(STRINGS, explode=False)) == [
        ("breaking", "listRuns: query parameter label explode was true and is false")
    ]
    assert "style was form and is pipeDelimited" in changes(query(STRINGS), query(STRINGS, style="pipeDelimited"))[0][1]


def test_parameters_come_and_go() -> None:
    none = spec()
    assert changes(none, query(STRING)) == [("added", "listRuns: query parameter label is new")]
    assert changes(none, query(STRING, required=True)) == [
        ("breaking", "listRuns: query parameter label is new and required")
    ]
    assert changes(query(STRING), none) == [("breaking", "listRuns: query parameter label is gone")]
    assert kinds(query(STRING), query(STRING, required=True)) == ["breaking"]
    assert kinds(query(STRING, required=True), query(STRING)) == ["widened"]


def test_parameters_go_by_place_and_name() -> None:
    old = spec(parameters=[{"in": "query", "name": "a", "schema": STRING}, {"in": "query", "name": "b"}])
    new = spec(parameters=[{"in": "query", "name": "b"}, {"in": "query", "name": "a", "schema": STRING}])
    assert changes(old, new) == []
    moved = spec(parameters=[{"in": "header", "name": "a", "schema": STRING}, {"in": "query", "name": "b"}])
    assert kinds(old, moved) == ["breaking", "added"]
    upper, lower = (spec(parameters=[{"in": "header", "name": name}]) for name in ("X-A", "x-a"))
    assert changes(upper, lower) == []


def test_a_parameter_may_move_to_the_path_or_to_the_components() -> None:
    inline = query(STRING)
    [parameter] = inline["paths"]["/runs"]["get"]["parameters"]
    of_path = spec()
    of_path["paths"]["/runs"]["parameters"] = [parameter]
    of_components = spec(
        parameters=[{"$ref": "#/components/parameters/any"}], components={"parameters": {"any": parameter}}
    )
    assert changes(inline, of_path) == changes(of_path, of_components) == []


def test_another_default_is_another_call() -> None:
    fifty, hundred, none = (query({"type": "integer", **more}) for more in ({"default": 50}, {"default": 100}, {}))
    assert changes(hundred, fifty) == [("breaking", "listRuns: query parameter label default was 100 and is 50")]
    assert kinds(hundred, none) == ["breaking"]
    assert kinds(none, hundred) == ["breaking"]  # the generated client sends what it did not send before
    assert kinds(answer({"type": "integer", "default": 1}), answer({"type": "integer", "default": 2})) == ["wording"]


def test_properties_of_answers_come_and_go() -> None:
    def run(*required: str, **properties: Schema) -> dict[str, Any]:
        return answer({"type": "object", "properties": properties, "required": list(required)})

    assert changes(run(a=STRING), run(a=STRING, b=STRING)) == [("added", "listRuns: answer 200, property b is new")]
    assert changes(run(a=STRING), run("b", a=STRING, b=STRING)) == [
        ("breaking", "listRuns: answer 200, property b is new and required: reading an answer without it raises")
    ]
    assert kinds(run(a=STRING, b=STRING), run(a=STRING)) == ["breaking"]
    assert changes(run(a=STRING), run("a", a=STRING)) == [
        ("breaking", "listRuns: answer 200, property a is required now: reading an answer without it raises")
    ]
    assert kinds(run("a", a=STRING), run(a=STRING)) == ["breaking"]


def test_properties_of_requests_come_and_go() -> None:
    def run(*required: str, **properties: Schema) -> dict[str, Any]:
        return body({"type": "object", "properties": properties, "required": list(required)})

    assert changes(run(a=STRING), run(a=STRING, b=STRING)) == [("added", "listRuns: request body, property b is new")]
    assert kinds(run(a=STRING), run("b", a=STRING, b=STRING)) == ["breaking"]
    assert kinds(run(a=STRING, b=STRING), run(a=STRING)) == ["breaking"]


def test_other_properties_harm_no_reader() -> None:
    opened, closed = {"type": "object"}, {"type": "object", "additionalProperties": False}
    strings = {"type": "object", "additionalProperties": STRING}
    assert kinds(answer(closed), answer(opened)) == kinds(answer(closed), answer(strings)) == ["added"]
    # The wire promises more, but users of the generated client lose an attribute.
    assert changes(answer(opened), answer(closed)) == [
        ("breaking", "model ListRunsResponse200 the generated class has no additional_properties any more"),
        ("added", "listRuns: answer 200 additionalProperties changed"),
    ]
    assert set(kinds(body(opened), body(closed))) == {"breaking"}
    assert kinds(body(closed), body(opened)) == ["widened"]
    assert changes(answer(opened), answer({**opened, "additionalProperties": True})) == []
    assert kinds(answer(strings), answer({**opened, "additionalProperties": STRINGS})) == ["breaking"]


def test_bodies_and_media_types_come_and_go() -> None:
    without, with_body = spec(), body(STRING)
    must = spec(requestBody={"required": True, "content": {"application/json": {"schema": STRING}}})
    assert kinds(without, with_body) == ["added"]
    assert kinds(without, must) == ["breaking"]
    assert kinds(with_body, without) == ["breaking"]
    assert kinds(with_body, must) == ["breaking"]
    assert kinds(must, with_body) == ["widened"]
    both = copy.deepcopy(with_body)
    both["paths"]["/runs"]["get"]["requestBody"]["content"]["application/vnd.runs+json"] = {"schema": STRING}
    assert kinds(with_body, both) == ["widened"]
    assert kinds(both, with_body) == ["breaking"]
    assert kinds(spec(), answer(STRING)) == ["added"]
    assert kinds(answer(STRING), spec()) == ["breaking"]


def test_statuses_and_headers_come_and_go() -> None:
    yes = {"description": "yes"}
    one, two = spec(responses={"200": yes}), spec(responses={"200": yes, "404": yes})
    assert changes(one, two) == [("added", "listRuns: answer 404 is new")]
    assert changes(two, one) == [("breaking", "listRuns: answer 404 is gone")]
    assert changes(one, spec(responses={200: yes})) == []
    limited = spec(responses={"200": {**yes, "headers": {"RateLimit-Reset": {"schema": STRING}}}})
    assert kinds(one, limited) == ["added"]
    assert kinds(limited, one) == ["breaking"]


def test_operations_come_and_go() -> None:
    one, two = spec(), spec()
    two["paths"]["/runs"]["post"] = {"responses": {"200": {"description": "yes"}}}
    assert changes(one, two) == [("added", "POST /runs is new: POST /runs")]
    assert changes(two, one) == [("breaking", "POST /runs is gone")]


def test_an_operation_goes_by_method_and_path_whatever_its_braces_say() -> None:
    old, new = spec(), spec()
    for document, name in ((old, "dlqId"), (new, "id")):
        document["paths"] = {f"/runs/{{{name}}}": document["paths"]["/runs"]}
    assert changes(old, new) == []


def test_names_in_the_generated_client_matter() -> None:
    assert changes(spec(), spec(operationId="allRuns")) == [
        ("breaking", "allRuns generated module api.dlq.list_runs is called api.dlq.all_runs now")
    ]
    assert changes(spec(), spec(tags=["Runs"])) == [
        ("breaking", "listRuns generated module api.dlq.list_runs is called api.runs.list_runs now")
    ]
    assert changes(spec(), spec(tags=["dlq"])) == []
    nameless = spec()
    del nameless["paths"]["/runs"]["get"]["operationId"]
    assert changes(spec(), nameless) == []  # the vendor gives none

    def run(name: str) -> dict[str, Any]:
        model = {"type": "object", "properties": {"id": STRING}}
        return answer({"$ref": f"#/components/schemas/{name}"}) | {"components": {"schemas": {name: model}}}

    assert changes(run("Run"), run("Failure")) == [
        ("breaking", "generated class Run is gone; it is called Failure now")
    ]


def test_a_model_is_told_of_once_with_all_that_have_it() -> None:
    def runs(**more: Schema) -> dict[str, Any]:
        page = {
            "type": "object",
            "properties": {"runs": {"type": "array", "items": {"$ref": "#/components/schemas/Run"}}},
        }
        model = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Run"}, **more}}
        document = answer(page) | {"components": {"schemas": {"Run": model}}}
        document["paths"]["/run"] = {"get": {**answer({"$ref": "#/components/schemas/Run"})["paths"]["/runs"]["get"]}}
        document["paths"]["/run"]["get"]["operationId"] = "getRun"
        return document

    assert changes(runs(), runs(id=STRING)) == [("added", "listRuns, getRun: property Run.id is new")]


def test_what_all_of_joins_is_one() -> None:
    parts = {
        "allOf": [{"type": "object", "properties": {"a": STRING}}, {"properties": {"b": STRING}, "required": ["b"]}]
    }
    whole = {"type": "object", "properties": {"a": STRING, "b": STRING}, "required": ["b"]}
    assert changes(answer(parts), answer(whole)) == []


def test_servers_and_security() -> None:
    here, there = {"url": "https://a.example"}, {"url": "https://b.example"}
    assert changes(spec(servers=[here]), spec(servers=[there])) == [
        ("breaking", "server https://a.example is gone"),
        ("added", "server https://b.example is new"),
    ]
    assert kinds(spec(servers=[here]), spec(servers=[here, there])) == ["added"]
    bearer: Schema = {"bearer": []}
    key: Schema = {"key": []}
    assert changes(spec(security=[bearer]), spec(security=[bearer, key])) == [("widened", "security: key is accepted")]
    assert kinds(spec(security=[bearer, key]), spec(security=[bearer])) == ["breaking"]
    assert kinds(spec(), spec(security=[bearer])) == ["breaking", "widened"]
    own = spec(security=[bearer])
    own["paths"]["/runs"]["get"]["security"] = [key]
    assert changes(spec(security=[bearer]), own)[0] == (
        "breaking",
        "listRuns security: bearer is not accepted any more",
    )
    schemes = [
        spec(security=[key], components={"securitySchemes": {"key": {"type": "apiKey", "in": "query", "name": name}}})
        for name in ("token", "qstash_token")
    ]
    assert changes(*schemes) == [("breaking", "security scheme key: name changed")]


def test_deprecation_has_a_class_of_its_own() -> None:
    for old, new in (
        (spec(), spec(deprecated=True)),
        (query(STRING), query(STRING, deprecated=True)),
        (answer(STRING), answer({"type": "string", "deprecated": True})),
    ):
        assert kinds(old, new) == ["deprecated"]
        assert kinds(new, old) == ["wording"]


def test_words_are_only_words() -> None:
    for old, new in (
        (spec(), spec(summary="s", description="d")),
        (spec(), spec(info={"title": "t", "version": "1", "description": "d"})),
        (query(STRING), query({"type": "string", "description": "d", "example": "e"}, description="d")),
        (answer(STRING), answer({"type": "string", "title": "t"})),
        (spec(), spec(responses={"200": {"description": "no"}})),
        (answer({"oneOf": [STRING]}), answer({"oneOf": [{"type": "string", "description": "d"}]})),
    ):
        assert set(kinds(old, new)) == {"wording"}
        assert not breaks(compare(old, new))


def test_a_document_is_the_same_as_itself() -> None:
    document = answer({"$ref": "#/components/schemas/A"}) | {
        "components": {"schemas": {"A": {"type": "object", "properties": {"a": {"$ref": "#/components/schemas/A"}}}}}
    }
    assert changes(document, copy.deepcopy(document)) == []


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> Result:
    return Result(spec_diff.main([str(argument) for argument in arguments]), *capsys.readouterr())


def test_the_status_says_whether_anything_breaks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    one.write_text(json.dumps(spec()))
    two.write_text(json.dumps(query(STRING)))
    assert run(capsys, one, one) == Result(0, "Nothing changes for users.\n", "")
    added = run(capsys, one, two)
    assert (added.status, added.out) == (0, "Added (1)\n- listRuns: query parameter label is new\n")
    gone = run(capsys, two, one, "--json")
    assert gone.status == 1
    assert gone.json["breaking"] is True
    assert [change["parameter"] for change in gone.json["changes"]] == ["label"]
    bad = run(capsys, one, tmp_path / "none.yaml")
    assert (bad.status, bad.out) == (2, "")
    assert bad.error.startswith("spec_diff: ")
    with pytest.raises(SystemExit) as caught:
        run(capsys, one)
    assert caught.value.code == 2


def test_pages_can_be_compared_too(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, PAGES[0], PAGES[1])
    assert result.status == 1
    assert "- GET /v2/workflows/dlq/{dlqId} is gone" in result.out


def test_names_from_a_document_cannot_command_a_terminal() -> None:
    sly = spec(parameters=[{"in": "query", "name": "\x1b[2Ja\nb", "schema": STRING}])
    text = as_text(compare(spec(), sly))
    assert text == "Added (1)\n- listRuns: query parameter ?[2Ja b is new"


JUNK: list[Any] = [None, 7, "x", [], {}, [None], {"a": None}, True]


@pytest.mark.parametrize("number", range(len(JUNK)))
def test_junk_in_a_document_is_no_accident(number: int) -> None:
    """Each place has two kinds of it in turn; all kinds everywhere would take four times as long."""
    junk = JUNK[number]
    whole = query(STRING) | answer(STRING) | {"security": [{"b": []}], "servers": [{"url": "u"}]}

    def broken(node: Any) -> Any:
        """Each document that has the junk in one place."""
        yield junk
        if isinstance(node, dict):
            for key, value in node.items():
                yield from ({**node, key: worse} for worse in broken(value))
        elif isinstance(node, list):
            for index, value in enumerate(node):
                yield from ([*node[:index], worse, *node[index + 1 :]] for worse in broken(value))

    documents = [document for document in broken(whole) if isinstance(document, dict)]
    for index, document in enumerate(documents):
        if index % 4 == number % 4:
            compare(whole, document)
            compare(document, whole)
