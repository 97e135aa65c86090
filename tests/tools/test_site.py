"""What `nox -s docs` checks, on small sites, and the workflow that publishes the real one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from conftest import ROOT
from specs import load

from tools.site.check import Site, is_foreign, main, public_names
from tools.site.commands import reference

MakeSite = Callable[..., Site]


@pytest.fixture
def site(tmp_path: Path) -> MakeSite:
    def make(**pages: str) -> Site:
        for name, content in pages.items():
            file = tmp_path / name.replace("__", "/").replace("_", ".")
            file.parent.mkdir(exist_ok=True)
            file.write_text(content, "utf-8")
        return Site(tmp_path)

    return make


def test_links_between_pages_and_to_anchors_are_fine(site: MakeSite) -> None:
    made = site(
        index_html='<h1 id="top">Home</h1><a href="#top">up</a><a href="tour/#two">tour</a><img src="night.svg">',
        tour__index_html='<h2 id="two">Two</h2><a href="..">home</a><a href="../#top">top</a>',
        night_svg="<svg/>",
    )
    assert list(made.problems()) == []


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("nothing/", "a file that is not there"),
        ("tour/#three", "an anchor that is not there"),
        ("#nowhere", "an anchor that is not there"),
        ("../../etc/passwd", "a file that is not there"),
        ("/nothing.css", "a file that is not there"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(link: str, problem: str, site: MakeSite) -> None:
    made = site(index_html=f'<a href="{link}">x</a>', tour__index_html='<h2 id="two">Two</h2>')
    assert list(made.problems()) == [f"index.html: {link} leads to {problem}"]


@pytest.mark.parametrize(
    "element",
    [
        '<script src="ADDRESS"></script>',
        '<link rel="stylesheet" href="ADDRESS">',
        '<link rel="preconnect" href="ADDRESS">',
        '<link rel="icon" href="ADDRESS">',
        '<img src="ADDRESS">',
        '<img srcset="night.svg 1x, ADDRESS 2x" src="night.svg">',
        '<iframe src="ADDRESS"></iframe>',
        '<object data="ADDRESS"></object>',
        '<video poster="ADDRESS"></video>',
        '<svg><use xlink:href="ADDRESS"/></svg>',
        '<p style="background: url(ADDRESS)">',
        "<style>@import 'ADDRESS';</style>",
        "<style>p { background: url( 'ADDRESS' ) }</style>",
        '<form action="ADDRESS"></form>',
        '<meta http-equiv="refresh" content="0; url=ADDRESS">',
    ],
)
@pytest.mark.parametrize("address", ["https://fonts.example.com/a", "//cdn.example.com/a"])
def test_what_is_loaded_from_another_host_is_found(element: str, address: str, site: MakeSite) -> None:
    made = site(index_html=element.replace("ADDRESS", address), night_svg="<svg/>")
    assert list(made.problems()) == [f"index.html loads {address} from another host"]


@pytest.mark.parametrize(
    "left",
    [
        *(
            "```python dask",
            "~~~python",
            "[see](tour.md)",
            "**bold**",
            "::: a.name",
            "!!! note",
            "## Head",
            "| a | b |",
        ),
        "--8&lt;-- x.md",
    ],
)
def test_markdown_that_was_not_understood_is_found(left: str, site: MakeSite) -> None:
    [*problems] = site(index_html=f"<p>{left}\nand so on</p>").problems()
    assert problems
    assert all("Markdown that was not understood" in problem for problem in problems)


def test_code_that_never_ends_is_found(site: MakeSite) -> None:
    """It would hide all that follows from this check."""
    made = site(index_html="<p><code>filters</p><p>```python dask</p>")
    assert list(made.problems()) == ["index.html has an element of code that is not closed"]


def test_a_link_of_a_scheme_that_nobody_knows_is_found(site: MakeSite) -> None:
    made = site(index_html='<a href="htp://example.com">see</a><a href="mailto:a@example.com">write</a>')
    [problem] = made.problems()
    assert problem == "index.html: htp://example.com leads to a scheme that is none of http, https, mailto"


def test_a_picture_that_loads_from_another_host_is_found(site: MakeSite) -> None:
    made = site(index_html='<img src="night.svg">', night_svg='<svg><image href="https://x.example/a.png"/></svg>')
    assert list(made.problems()) == ["night.svg loads https://x.example/a.png from another host"]


def test_markdown_in_code_is_fine(site: MakeSite) -> None:
    made = site(index_html="<p><code>**filters</code></p><pre><code>```python\na[0](1)</code></pre>")
    assert list(made.problems()) == []


def test_a_style_sheet_that_loads_a_font_is_found(site: MakeSite) -> None:
    made = site(index_html="<p>", site_css="@font-face { src: url(https://fonts.example.com/a.woff2) }")
    assert list(made.problems()) == ["site.css loads https://fonts.example.com/a.woff2 from another host"]


def test_a_picture_that_is_not_there_is_found(site: MakeSite) -> None:
    made = site(index_html='<img src="night.svg">')
    assert list(made.problems()) == ["index.html loads night.svg, which leads to a file that is not there"]


def test_links_for_people_may_lead_to_other_hosts(site: MakeSite) -> None:
    made = site(
        index_html='<a href="https://upstash.com/">x</a><link rel="canonical" href="https://docs.example.com/">'
    )
    assert list(made.problems()) == []
    assert is_foreign("https://upstash.com/")


def test_an_empty_folder_is_no_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(str(tmp_path)) == 1
    assert "has no pages" in capsys.readouterr().err


def test_a_public_name_without_a_place_in_the_reference_is_found(site: MakeSite) -> None:
    names = [f"{module}.{name}" for module, name in public_names()]
    assert len(names) > 80
    shown = [name for name in names if name != "upstash_workflow_dlq.FailedRun"]
    made = site(index_html="".join(f'<h2 id="{name}">x</h2>' for name in shown))
    [problem] = made.missing_names()
    assert "upstash_workflow_dlq.FailedRun:" in problem


def test_every_command_and_option_is_in_the_reference() -> None:
    from upstash_workflow_dlq.cli._app import app

    text = reference()
    context = click.Context(app)
    described = 0
    for name in app.list_commands(context):
        command = app.get_command(context, name)
        assert command is not None
        assert f"\n## {name}\n" in f"\n{text}"
        for option in command.params:
            if isinstance(option, click.Option) and option.help:
                described += 1
                assert re.search(rf"^- `(-\w, )?{option.opts[-1]}\b", text, re.MULTILINE), (name, option.opts)
    assert described > 50


def test_help_becomes_no_markup() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("- `-")]
    assert rows
    assert all(re.fullmatch(r"- `[^`]+`: .+", row) for row in rows), rows
    assert not [row for row in rows if "<" in row.partition("`: ")[2]]


WORKFLOW: dict[str, Any] = load((ROOT / ".github" / "workflows" / "docs.yml").read_text(encoding="utf-8"))
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


def test_the_workflow_publishes_from_main_what_nox_has_checked() -> None:
    assert WORKFLOW["on"] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    assert [step["run"] for step in STEPS if "docs" in step.get("run", "")] == ["nox -s docs"]
    [upload] = [step for step in STEPS if step.get("uses", "").startswith("actions/upload-pages-artifact@")]
    assert upload["with"] == {"path": "site"}
    assert WORKFLOW["jobs"]["publish"]["needs"] == "build"


def test_only_the_job_that_publishes_can_and_it_runs_nothing_else() -> None:
    assert WORKFLOW["permissions"] == {}
    build, publish = WORKFLOW["jobs"]["build"], WORKFLOW["jobs"]["publish"]
    assert build["permissions"] == {"contents": "read", "pages": "read"}
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}
    assert [step["uses"].partition("@")[0] for step in publish["steps"]] == ["actions/deploy-pages"]
    [checkout] = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["persist-credentials"] is False


def test_nobody_elses_actions_run_and_no_input_becomes_part_of_a_script() -> None:
    assert all(step.get("uses", "actions/").startswith("actions/") for step in STEPS)
    assert not [step for step in STEPS if "${{" in step.get("run", "")]
