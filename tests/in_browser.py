"""What tests of pages in a browser see of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

Open = Callable[..., "Opened"]


class Opened:
    """A page in the browser, and whatever it did that nobody asked for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.events: list[str] = []
        self.refused: list[tuple[str, str]] = []
        page.on("console", lambda message: self.events.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.events.append(f"error: {error}"))
        page.on("request", lambda request: self.events.append(f"request: {request.url}"))
        page.on("requestfailed", lambda request: self.refused.append((request.url, str(request.failure))))
        page.on("dialog", self._dialog)
        page.on("popup", lambda popup: self.events.append(f"popup: {popup.url}"))
        page.on("framenavigated", lambda frame: self.events.append(f"frame: {frame.url}"))

    def _dialog(self, dialog: Any) -> None:
        self.events.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def cells(self, column: str) -> list[str]:
        """The texts of a column, as it is now."""
        texts: list[str] = self.page.locator(f".runs td.{column}").all_inner_texts()
        return texts

    @property
    def found(self) -> str:
        text: str = self.page.locator("#found").inner_text()
        return text

    def search(self, text: str) -> None:
        self.page.locator("#search").fill(text)
