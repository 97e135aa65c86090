"""The machine's own Chromium or Chrome, headless. `nox -s browser` says where it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from in_browser import DESKTOP, Open, Opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chromium", help="the browser's program")
    parser.addoption("--pictures", help="the folder for pictures of the page at several sizes", default="pictures")


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    program = request.config.getoption("--chromium")
    if not program:
        pytest.skip("nox -s browser says where the browser is")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # No sandbox: in containers, where this runs as root, Chromium has none. The page is our own.
        found = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a report as a file, as somebody does to whom it was sent. Afterwards nothing has happened but that."""
    opened: list[Opened] = []
    path = tmp_path / "report.html"

    def show(content: str, init_script: str = "", **options: Any) -> Opened:
        path.write_text(content, "utf-8")
        page = browser.new_page(**{"viewport": DESKTOP, **options})
        page.set_default_timeout(20_000)
        if init_script:
            page.add_init_script(init_script)
        opened.append(Opened(page))
        page.goto(path.as_uri())
        return opened[-1]

    yield show
    for one in opened:
        assert one.events == [f"request: {path.as_uri()}", f"frame: {path.as_uri()}"]
        one.page.close()
