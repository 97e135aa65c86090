"""The documents are true: their tables hold, nothing is left out, and links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from pages import DOCS, PAGES, README, ROOT, blocks, code_spans, name_of, table, tokens
from upstash_workflow_dlq import (
    AsyncDLQClient,
    DLQClient,
    FailedRun,
    FailureFunction,
    FlowControl,
    Overrides,
    RunFilters,
)
from upstash_workflow_dlq.cli._app import app
from upstash_workflow_dlq.emulator import Emulator
from upstash_workflow_dlq.emulator._command_line import _parser


def test_the_readme_says_how_to_point_the_client_to_the_emulator() -> None:
    variables = Emulator(port=8080).environ
    assert f"export {' '.join('='.join(pair) for pair in variables.items())}" in code_spans(README)


def test_every_method_of_the_clients_is_documented() -> None:
    named = {name for page in (README, *DOCS) for span in code_spans(page) for name in re.findall(r"\w+", span)}
    assert named >= public(DLQClient) | public(AsyncDLQClient)


def test_the_table_of_filters_is_right() -> None:
    filters = {name: (several, example) for name, _, _, several, example in table(ROOT / "docs" / "filters.md", 0)}
    assert filters.keys() == RunFilters.__optional_keys__
    with DLQClient("token") as dlq:
        run = FailedRun({"workflowCreatedAt": 1752829293531})
        for name, (several, example) in filters.items():
            given = eval(f"dict({example})", {"run": run, "datetime": datetime, "UTC": UTC})  # noqa: S307 - our own table
            assert given.keys() == {name}
            dlq.list(**given)
            [value] = given.values()
            two: dict[str, Any] = {name: value if isinstance(value, list) else [value, value]}
            if several == "yes":
                dlq.list(**two)
            else:
                assert several == "no"
                with pytest.raises(TypeError):
                    dlq.list(**two)


def test_the_table_of_overrides_is_right() -> None:
    overrides = {name: example for name, _, example in table(ROOT / "docs" / "filters.md", 3)}
    assert overrides.keys() == Overrides.__optional_keys__
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"workflowRunId": "wfr_1", "workflowCreatedAt": 1})

    with DLQClient("token", transport=httpx.MockTransport(answer)) as dlq:
        for name, examples in overrides.items():
            for example in examples.split(" or "):
                given = eval(f"dict({example})", {"timedelta": timedelta, "FlowControl": FlowControl})  # noqa: S307
                assert given.keys() == {name}
                dlq.resume("1-0", **given)
                header = f"upstash-{name.replace('_', '-')}"
                assert [sent for sent in requests[-1].headers if sent.startswith(header)]


def test_every_variable_that_is_read_is_in_the_table() -> None:
    ours = r'"((?:QSTASH|UPSTASH_DLQ)_[A-Z]+|NO_COLOR|TERM|SSL_CERT_[A-Z]+|[A-Z]+_PROXY)"'
    code = [file.read_text("utf-8") for file in (ROOT / "wrapper").rglob("*.py")]
    read = {name for text in code for name in re.findall(ours, text)}
    assert len(read) > 8
    spans = " ".join(code_spans(ROOT / "docs" / "reference" / "environment.md"))
    assert {name for name in read if not re.search(rf"\b{name}\b", spans)} == set()


def test_every_exit_code_is_in_the_table() -> None:
    from upstash_workflow_dlq.cli._exits import Exit

    assert [int(code) for code, _ in table(ROOT / "docs" / "command-line.md", 1)] == sorted(Exit)


def test_every_state_of_a_redrive_is_in_its_table() -> None:
    from upstash_workflow_dlq.redrive import State

    tables = [table(ROOT / "docs" / "redrive.md", number) for number in range(3)]
    assert [state for state, _ in tables[2]] == [*State]


CONTEXT = click.Context(app)


def options_of(command: click.Command) -> set[str]:
    if command.name == "emulator":
        return {option for action in _parser()._actions for option in action.option_strings}
    params = (*command.params, *app.params)
    return {name for param in params for name in (*param.opts, *param.secondary_opts)} | {"--help"}


def commands(group: click.Group = app) -> Iterator[click.Command]:
    for name in group.list_commands(CONTEXT):
        command = group.get_command(CONTEXT, name)
        assert command is not None
        yield from commands(command) if isinstance(command, click.Group) else [command]


def mistyped(typed: str) -> Iterator[str]:
    """Commands and options in it that there are not. `…` and `A|B` stand for several."""
    where: click.Command = app
    for word in typed.split()[1:]:
        if not isinstance(where, click.Group) or not re.fullmatch("[a-z]+", word):
            break
        below = where.get_command(CONTEXT, word)
        if below is None:
            yield word
            return
        where = below
    known = set().union(*map(options_of, commands(where) if isinstance(where, click.Group) else [where]))
    yield from (option for option in OPTION.findall(typed) if option not in known)


OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


@pytest.mark.parametrize("page", [README, *DOCS], ids=name_of)
def test_commands_and_options_that_sentences_name_are_there(page: Path) -> None:
    """And those in a branch of a script that no test takes."""
    spans = code_spans(page)
    scripts = "\n".join(block.content for block in blocks(page) if block.kind in {"sh", "cron", "yaml"})
    typed = {span for span in spans if span.startswith("upstash-dlq ")}
    typed |= set(re.findall(r"upstash-dlq [^|;>#)\n]*", scripts))
    assert {command: list(mistyped(command)) for command in typed if list(mistyped(command))} == {}
    known = set().union(*map(options_of, commands()))
    options = {option for span in spans if span.startswith("--") for option in OPTION.findall(span)}
    assert options - known == set()


def test_a_mistyped_command_is_noticed() -> None:
    assert list(mistyped("upstash-dlq resume --from left.txt --yes")) == []
    assert list(mistyped("upstash-dlq resumee --frm left.txt")) == ["resumee"]
    assert list(mistyped("upstash-dlq redrive plan --actoin resume")) == ["--actoin"]


def test_every_field_of_a_run_is_described() -> None:
    named = {span.removesuffix("()") for span in code_spans(ROOT / "docs" / "fields.md")}
    assert named >= public(FailedRun) | public(FailureFunction)


def test_the_tree_of_the_sources_is_right() -> None:
    [tree] = [block.content for block in blocks(ROOT / "CONTRIBUTING.md")]
    package = ROOT / "wrapper" / "upstash_workflow_dlq"
    files = {path.relative_to(package) for path in package.rglob("*.py")}
    # Of these, the tree says what they are and not each file.
    rooms = {"cli", "contract", "emulator"}
    needed = {path.stem.strip("_") for path in files if path.parts[0] not in rooms} - {"version", "main", "init"}
    assert needed - set(re.findall(r"[a-z]+(?:_[a-z]+)*", tree)) == set()
    # The first column, and the private names in the second.
    named = {
        name for column in re.findall(r"^ +([\w./]+(?:  [\w./]+)*) {3}", tree, re.MULTILINE) for name in column.split()
    }
    named |= set(re.findall(r"\b_\w+", tree))
    there = {name.strip("_") for path in files for name in (*path.parts[:-1], path.stem)} | {"all"}
    assert {name.strip("_/").removesuffix(".py").strip("_") for name in named} - there == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_what_is_there(page: Path) -> None:
    links = [
        str(child.attrs.get("href", child.attrs.get("src")))
        for token in tokens(page)
        for child in token.children or ()
        if child.type in ("link_open", "image")
    ]
    for link in links:
        if link.startswith("https://"):
            continue
        place, _, heading = link.partition("#")
        target = page.parent / place if place else page
        assert target.is_file(), f"{page.name} links to {link}"
        assert not heading or heading in anchors(target), f"{page.name} links to {link}"


def anchors(page: Path) -> set[str]:
    """The headings, as they are spelt in links."""
    parsed = tokens(page)
    headings = [text.content for token, text in pairwise(parsed) if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}
