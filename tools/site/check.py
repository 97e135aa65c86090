"""Whether a built site holds together: `python -m tools.site.check FOLDER`. Zensical looks at the links of the sources;
this looks at what readers get.

- Each link inside the site leads to a file, and to an anchor that is there.
- No Markdown is left in the text of a page, such as a fence that was not understood.
- Nothing is loaded from another host: no script, style, font, picture or frame. Links for people may lead anywhere.
- The reference shows every public name of the package and of its optional rooms.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterator
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

PACKAGE = "upstash_workflow_dlq"
# The command line has a reference of its own, and its only name is for the script. The errors are names of the package.
WITHOUT_REFERENCE = frozenset({f"{PACKAGE}.cli", f"{PACKAGE}.errors", f"{PACKAGE}.__main__"})

# Attributes that load, whatever the element. `href` loads only in a <link>, and in an SVG's <use> and <image>.
LOADING = frozenset({"src", "srcset", "poster", "data", "xlink:href", "action"})
LOADING_BY_HREF = frozenset({"link", "use", "image"})
# Relations of a <link> that say something, and load nothing.
SAYING = frozenset({"canonical", "next", "prev", "alternate", "author", "license"})
# What of Markdown is left where it was not understood: fences, links, bold, directives.
LEFT_MARKDOWN = re.compile(r"^\s*#{1,6} .*|^\s*\|.*\|.*|(?:```|~~~|:::|!!!|--8<--).*|\]\(|\*\*", re.MULTILINE)
VERBATIM = frozenset({"code", "pre", "script", "style", "textarea"})
KNOWN_SCHEMES = ("http", "https", "mailto")
IN_PICTURES = re.compile(r"""<(?:image|use|script)\b[^>]*?\b(?:href|src)\s*=\s*["']([^"']+)""")
IN_STYLES = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")


class Page(HTMLParser):
    """What one page has: its anchors, the links for people, and the addresses that a browser loads by itself."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.left: list[str] = []
        self._is_style = False
        self.verbatim = 0
        self.feed(file.read_text("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._is_style = tag == "style"
        self.verbatim += tag in VERBATIM
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag in ("a", "area") and "href" in given:
            self.links.append(given["href"])
        for name, value in given.items():
            if name == "srcset":
                self.loaded += [part.split()[0] for part in value.split(",") if part.strip()]
            elif name in LOADING or (name == "href" and tag in LOADING_BY_HREF and given.get("rel") not in SAYING):
                self.loaded.append(value)
        self.loaded += in_style(given.get("style", ""))
        if given.get("http-equiv", "").lower() == "refresh":
            self.loaded.append(given.get("content", "").partition("=")[2].strip())

    def handle_data(self, data: str) -> None:
        if self._is_style:
            self.loaded += in_style(data)
        elif not self.verbatim:
            self.left += LEFT_MARKDOWN.findall(data)

    def handle_endtag(self, tag: str) -> None:
        self._is_style = False
        self.verbatim -= tag in VERBATIM


def in_style(text: str) -> list[str]:
    return [first or second for first, second in IN_STYLES.findall(text)]


class Site:
    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.pages = {file: Page(file) for file in sorted(self.folder.rglob("*.html"))}

    def problems(self) -> Iterator[str]:
        if not self.pages:
            yield f"{self.folder} has no pages"
        for page in self.pages.values():
            where = page.file.relative_to(self.folder)
            for link in page.links:
                if problem := self._leads_nowhere(page, link):
                    yield f"{where}: {link} leads to {problem}"
            for address in page.loaded:
                if is_foreign(address):
                    yield f"{where} loads {address} from another host"
                elif not address.startswith("data:") and (problem := self._leads_nowhere(page, address)):
                    yield f"{where} loads {address}, which leads to {problem}"
            if page.verbatim:
                yield f"{where} has an element of code that is not closed"
            for mark in page.left:
                yield f"{where} shows {mark!r}: Markdown that was not understood"
        for file in sorted([*self.folder.rglob("*.css"), *self.folder.rglob("*.svg")]):
            text = file.read_text("utf-8")
            for address in [*in_style(text), *IN_PICTURES.findall(text)]:
                if is_foreign(address):
                    yield f"{file.relative_to(self.folder)} loads {address} from another host"

    def _leads_nowhere(self, page: Page, link: str) -> str | None:
        scheme = urlsplit(link).scheme
        if scheme and scheme not in KNOWN_SCHEMES:
            return f"a scheme that is none of {', '.join(KNOWN_SCHEMES)}"
        if scheme or link.startswith("//"):
            return None
        path, anchor = unquote(urlsplit(link).path), unquote(urlsplit(link).fragment)
        # The page for what is not found is served from anywhere, so its links begin at the root.
        base = self.folder if path.startswith("/") else page.file.parent
        target = (base / path.lstrip("/")).resolve() if path else page.file
        if target.is_dir():
            target /= "index.html"
        if not target.is_file() or not target.is_relative_to(self.folder):
            return "a file that is not there"
        if anchor and target in self.pages and anchor not in self.pages[target].anchors:
            return "an anchor that is not there"
        return None

    @cached_property
    def anchors(self) -> set[str]:
        return set().union(*(page.anchors for page in self.pages.values()))

    def missing_names(self) -> Iterator[str]:
        for module, name in public_names():
            value = getattr(importlib.import_module(module), name)
            home = getattr(value, "__module__", module)
            # The errors are names of the package and of their module, as others are of a room.
            if not {f"{module}.{name}", f"{home}.{name}"} & self.anchors:
                yield f"the reference does not show {module}.{name}: add it to a page in docs/reference"


def is_foreign(address: str) -> bool:
    return address.startswith("//") or urlsplit(address).scheme in ("http", "https")


def public_names() -> Iterator[tuple[str, str]]:
    """Modules and the public names that they have."""
    package = importlib.import_module(PACKAGE)
    modules = [PACKAGE]
    for found in pkgutil.walk_packages(package.__path__, f"{PACKAGE}."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            modules.append(found.name)
    for module in modules:
        if module in WITHOUT_REFERENCE or module.startswith(f"{PACKAGE}.cli."):
            continue
        for name in getattr(importlib.import_module(module), "__all__", ()):
            yield module, name


def main(folder: str) -> int:
    site = Site(Path(folder))
    problems = [*site.problems(), *site.missing_names()]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(site.pages)} pages, {len(problems)} problems")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
