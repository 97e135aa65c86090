"""Sources that are odd but fine are taken; those that attack us, or the generator, do no harm."""

from __future__ import annotations

import ast
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from edits import at
from specs import CONFIG, TODAY, Result, edited, load

from tools.spec import generator, text
from tools.spec import update as spec_update
from tools.spec.client import client
from tools.spec.command import run
from tools.spec.document import Unusable
from tools.spec.tryout import try_out

Update = Callable[..., Result]
Document = dict[str, Any]
DLQ = "/v2/workflows/dlq"


@pytest.fixture
def source(tmp_path: Path) -> Callable[[Document], Path]:
    def make(document: Document) -> Path:
        path = tmp_path / "source.json"
        path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        return path

    return make


def published() -> Document:
    """Today's spec as the vendor would publish it: none of our marks."""

    def unmarked(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: unmarked(child) for key, child in node.items() if key != "x-addition"}
        return [unmarked(child) for child in node] if isinstance(node, list) else node

    document: Document = unmarked(load(TODAY))
    return document


def message(document: Document) -> Document:
    properties: Document = document["components"]["schemas"]["WorkflowDLQMessage"]["properties"]
    return properties


# What ends with 2


def test_any_failure_is_one_line_and_2(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise ZeroDivisionError("of all\nthings")

    assert run("tool", fail, unchanged="openapi.yaml") == 2
    assert Result(2, *capsys.readouterr()) == Result(
        2,
        "",
        "tool: unexpected ZeroDivisionError: of all things; report this with the source (openapi.yaml is untouched)\n",
    )


def test_an_unreadable_ca_file_is_a_failure(
    update: Update, spec_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for bundle in (tmp_path / "none", tmp_path):
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        result = update("https://127.0.0.1:1/openapi.yaml")
        assert result.status == 2
        assert "cannot be fetched" in result.error
        assert spec_file.read_text() == TODAY


def test_names_in_any_script_are_printed_to_any_terminal(
    spec_file: Path, source: Callable[[Document], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = published()
    message(document)["名前"] = {"type": "string"}
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", stdout)
    status = spec_update.main(["--spec", str(spec_file), str(source(document))], check=lambda spec, config: None)
    assert status == 0
    stdout.seek(0)
    assert r"property WorkflowDLQMessage.\u540d\u524d is new" in stdout.read()
    assert "名前" in spec_file.read_text(encoding="utf-8")


def test_a_closed_pipe_does_not_hide_what_was_done(
    spec_file: Path, source: Callable[[Document], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    document = published()
    message(document)["priority"] = {"type": "integer"}
    monkeypatch.setattr(sys, "stdout", Closed())
    assert spec_update.main(["--spec", str(spec_file), str(source(document))], check=lambda spec, config: None) == 0
    assert "priority" in spec_file.read_text()


# What is taken


def test_a_text_of_any_characters_is_taken_as_it_is(
    update: Update, spec_file: Path, source: Callable[[Document], Path]
) -> None:
    odd = [
        "a\u2028b",
        "a\u0085b",
        "a\x07b\x1b[2J",
        "a\r\nb",
        "\ufeffa",
        "a\n\u2029b",
        "tab\tb",
        " a \n\n b",
        "\U0001f600",
    ]
    document = published()
    for number, value in enumerate(odd):
        message(document)[f"odd{number}"] = {"type": "string", "description": value, "default": value}
    assert update(source(document)).status == 0
    for number, value in enumerate(odd):
        words = value.replace("\r\n", "\n")
        taken = message(load(spec_file.read_text(encoding="utf-8")))[f"odd{number}"]
        assert taken == {"type": "string", "description": words, "default": value}
    before = spec_file.read_bytes()
    assert update(source(document)).out.endswith("is up to date already.\n")
    assert spec_file.read_bytes() == before


def test_escaped_characters_and_moments_in_yaml_are_taken(update: Update, spec_file: Path, tmp_path: Path) -> None:
    there = "          description: The DLQ ID of the failed workflow message.\n"
    odd = (
        '          description: "bell \\a, escape \\e, line \\L"\n'
        "          example: 2026-11-26 05:23:00Z\n          enum:\n            - 2026-11-26\n            - 12:30:00\n"
        "          x-numbers: [1.50, 0x1F, 1_000, 1e3]\n"
    )
    path = tmp_path / "source.yaml"
    path.write_text(edited(TODAY, (there, odd)))
    update(path)
    taken = message(load(spec_file.read_text()))["dlqId"]
    assert taken["description"] == "bell \a, escape \x1b, line \u2028"
    assert (taken["example"], taken["enum"]) == ("2026-11-26 05:23:00Z", ["2026-11-26", "12:30:00"])
    assert "x-numbers: [1.50, 31, '1_000', 1e3]" in spec_file.read_text()


def test_keys_that_occur_twice_in_json_are_refused_only_where_they_matter(
    update: Update, spec_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "source.json"
    whole = json.dumps(published())
    path.write_text(
        edited(
            whole,
            (
                '"dlqId": {"type": "string", "description": "The DLQ ID of the failed workflow message."}',
                '"dlqId": {"type": "string", "type": "integer"}',
            ),
        )
    )
    result = update(path)
    assert result.status == 2
    assert "has components.schemas.WorkflowDLQMessage.properties.dlqId.type twice" in result.error
    path.write_text(edited(whole, ('"paths": {', '"paths": {"/v2/other": {"get": {}, "get": {}}, ')))
    assert update(path).status == 0


def test_a_text_that_turns_around_is_reported(update: Update, source: Callable[[Document], Path]) -> None:
    document = published()
    message(document)["dlqId"]["description"] = "safe \u202e sdrawkcab"
    notes = update(source(document), "--json").json["notes"]
    place = "components.schemas.WorkflowDLQMessage.properties.dlqId.description"
    assert f"the text at {place} has characters that turn its direction around; read it with care" in notes


# Whose is what


def test_a_mark_in_a_source_is_not_ours(update: Update, spec_file: Path, source: Callable[[Document], Path]) -> None:
    document = published()
    archive = {"summary": "Archive", "x-addition": "Sly.", "responses": {"200": {"description": "yes"}}}
    document["paths"][f"{DLQ}/archive"] = {"post": archive}
    message(document)["priority"] = {"type": "integer", "x-addition": "Sly."}
    assert update(source(document)).status == 0
    assert "Sly." not in spec_file.read_text()
    gone = update(source(published()), "--json")
    assert gone.status == 1
    assert [(change["class"], change["message"]) for change in gone.json["changes"]] == [("breaking", "is gone")] * 2


def test_two_paths_of_the_same_shape_are_refused(
    update: Update, spec_file: Path, source: Callable[[Document], Path]
) -> None:
    document = published()
    document["paths"][f"{DLQ}/{{other}}"] = document["paths"][f"{DLQ}/{{dlqId}}"]
    result = update(source(document))
    assert result.status == 2
    assert f"has {DLQ}/{{dlqId}} and {DLQ}/{{other}}, which are the same path" in result.error
    assert spec_file.read_text() == TODAY


# Bounded work


@pytest.mark.parametrize(
    "endless",
    ["x: [" + "1, " * 1_600_000 + "1]\n", "x:\n" + "".join(f"  k{n}: 1\n" for n in range(300_000))],
    ids=["a list", "a mapping"],
)
def test_a_document_with_millions_of_nodes_is_refused(update: Update, tmp_path: Path, endless: str) -> None:
    path = tmp_path / "source.yaml"
    path.write_text(f"openapi: 3.1.0\n{endless}paths: {{}}\n")
    assert "has more than 100,000 nodes" in update(path).error


def test_so_is_one_with_too_many_for_our_operations(update: Update, source: Callable[[Document], Path]) -> None:
    document = published()
    message(document)["dlqId"]["enum"] = list(map(str, range(30_000)))
    assert "has more than 25,000 nodes about our operations" in update(source(document)).error


def test_a_pattern_that_takes_for_ever_is_not_run(update: Update, source: Callable[[Document], Path]) -> None:
    document = published()
    message(document)["dlqId"] |= {"pattern": "^(a+)+$", "default": "a" * 60 + "!"}
    assert update(source(document)).status == 0


def test_what_a_killed_run_left_goes_with_the_next(
    update: Update, spec_file: Path, source: Callable[[Document], Path]
) -> None:
    spec_file.with_name(".openapi.yaml.new").write_text("half of a spec")
    document = published()
    message(document)["priority"] = {"type": "integer"}
    assert update(source(document)).status == 0  # the fixture sees that nothing is left


# What the generator makes of it


def with_properties(schemas: dict[str, Document]) -> Document:
    document = published()
    message(document).update(schemas)
    return document


def test_names_that_clash_in_generated_code_get_another(update: Update) -> None:
    names = (
        "cls",
        "d",
        "to_dict",
        "from_dict",
        "additional_properties",
        "additional_keys",
        "cast",
        "isoparse",
        "src_dict",
    )
    document = with_properties({name: {"type": "string"} for name in names})
    message(document)["when"] = {"type": "string", "format": "date-time"}
    message(document)["state"] = {"type": "string", "enum": ["a", "b"], "x-enum-varnames": ["1a", "2b"]}
    message(document)["ﬁeld"] = {"type": "string"}
    config = load(CONFIG)
    attributes = client(document, config).classes["WorkflowDLQMessage"].attributes
    assert {attributes[name].name for name in names} == {f"{name}_" for name in names}
    assert attributes["ﬁeld"].name == "field"
    try_out(document, config)  # imports it, and reads and writes a message with all of them


def test_two_names_that_are_one_to_python_are_refused() -> None:
    document = with_properties({"ﬁeld": {"type": "string"}, "field": {"type": "string"}})
    with pytest.raises(Unusable, match=r"no client can be generated: .* class_overrides in generator-config\.yaml"):
        try_out(document, load(CONFIG))


def test_a_client_that_does_not_work_is_refused(
    spec_file: Path, source: Callable[[Document], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    # The generated code calls an item of `values` `values_item`, and so overwrites the property of that name.
    run = {
        "type": "object",
        "properties": {
            "when_item": {"type": "string"},
            "when": {"type": "array", "items": {"type": "string", "format": "date"}},
        },
    }
    document = published()
    document["components"]["schemas"]["StartedRun"]["properties"] |= run["properties"]
    status = spec_update.main(["--spec", str(spec_file), str(source(document))])
    result = Result(status, *capsys.readouterr())
    assert (result.status, result.out) == (2, "")
    assert "the generated client does not work (StartedRun turns " in result.error
    assert spec_file.read_text() == TODAY


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda document: message(document)["dlqId"].update(default=float("inf")), "has inf at components."),
        (lambda document: document["info"].update(title="API\n# coding: utf-7"), "has an info.title of several lines"),
        (lambda document: message(document)["dlqId"].update(default="half \\ud800"), "has half a surrogate pair"),
    ],
    ids=["infinity", "a title that says how to decode the package", "half a character"],
)
def test_values_that_no_client_can_have_are_refused(
    update: Update, tmp_path: Path, spec_file: Path, change: Callable[[Document], None], told: str
) -> None:
    document = published()
    change(document)
    path = tmp_path / "source.json"
    path.write_text(json.dumps(document).replace("\\\\ud800", "\\ud800"))
    result = update(path)
    assert result.status == 2
    assert told in result.error
    assert spec_file.read_text() == TODAY


# Ways out of docstrings, literals, calls, f-strings and comments.
PAYLOADS = [
    '"""\nintruder()\n"""',
    "\\\"\"\"\n'''\nintruder()\n#",
    '"); intruder(); ("',
    "{intruder()}\r\nintruder()\u2028intruder() #",
]


def hostile_places(payload: str) -> Iterator[tuple[str, Callable[[Document], None]]]:
    """Everywhere that a document has a text."""
    get = ("paths", DLQ, "get")
    label = (*get, "parameters", 5)
    model = ("components", "schemas", "WorkflowDLQMessage")
    string = {"type": "string"}
    yield from ((key, put(get, key, payload)) for key in ("summary", "description", "operationId"))
    yield "tag", put(get, "tags", [payload])
    yield from ((f"{key} of the API", put(("info",), key, payload)) for key in ("title", "description", "version"))
    yield "server", put((), "servers", [{"url": payload}])
    yield from ((f"{key} of a parameter", put(label, key, payload)) for key in ("name", "description", "example"))
    yield "default of a parameter", put((*label, "schema"), "default", payload)
    for place in ("header", "cookie", "query"):
        yield place, add((*get, "parameters"), {"in": place, "name": payload, "schema": string})
    error = (*get, "responses", "400")
    yield "description of an answer", put(error, "description", payload)
    yield "media type", put((*error, "content"), payload, {"schema": {}})
    yield "path", put(("paths",), f"{DLQ}/{payload}", {"get": {"responses": {"200": {"description": "yes"}}}})
    yield "schema", put(model[:-1], payload, {"type": "object", "properties": {"a": {}}})
    for key in ("description", "title", "default", "example", "format", "const"):
        yield f"{key} of a property", put((*model, "properties"), f"p{key}", {**string, key: payload})
    yield from ((f"{key} of a schema", put(model, key, payload)) for key in ("description", "title", "example"))
    properties: dict[str, Document] = {
        payload: string,
        "state": {**string, "enum": ["a", payload]},
        "other": {**string, "enum": ["a", payload], "default": payload},
        "third": {**string, "enum": ["a"], "x-enum-varnames": [payload]},
        "when": {**string, "format": "date-time", "default": payload},
        "many": {"type": "array", "items": {**string, "enum": [payload]}},
    }
    yield from ((f"property {name}", put((*model, "properties"), name, node)) for name, node in properties.items())


def put(steps: tuple[str | int, ...], key: str, value: Any) -> Callable[[Document], None]:
    return lambda document: at(document, *steps).update({key: value})


def add(steps: tuple[str | int, ...], value: Any) -> Callable[[Document], None]:
    return lambda document: at(document, *steps).append(value)


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_nothing_in_a_document_becomes_code(tmp_path: Path, payload: str) -> None:
    """Not even in a function that nobody calls. Where the generator refuses a text, there is no code at all."""
    config = {**load(CONFIG), "post_hooks": []}
    base = published()
    for path in list(base["paths"])[1:]:
        del base["paths"][path]
    del base["paths"][DLQ]["delete"]
    document, places = base, []
    for place, change in hostile_places(payload):
        changed = json.loads(json.dumps(document))
        change(changed)
        try:
            client(changed, config)
        except Unusable:
            continue
        document = changed
        places.append(place)
    assert len(places) > 20
    made = tmp_path / "package"
    generator.generate(document, config, made)
    modules = [path for path in made.rglob("*.py") if "intruder" in path.read_text(encoding="utf-8")]
    assert modules  # it is there, as text
    for path in modules:
        for node in ast.walk(ast.parse(path.read_bytes())):
            # Names of classes are made from it, so it may well be a name; but never one that is called.
            called = node.func if isinstance(node, ast.Call) else None
            assert not isinstance(called, ast.Name) or called.id != "intruder", path.name


def test_a_tag_of_yaml_makes_no_object() -> None:
    for tag in (
        "!!python/object/apply:os.getcwd []",
        "!!python/name:os.getcwd",
        "!!set {a, b}",
        "!!binary aGk=",
        "!x y",
    ):
        found = text.parse("x", f"a: {tag}\n").root["a"]
        assert found is None or isinstance(found, str | list | dict)
