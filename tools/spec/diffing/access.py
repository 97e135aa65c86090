"""Where the service is and how callers authenticate: `info`, servers, security."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice, product
from typing import Any

from tools.spec.diffing.normal import WORDING
from tools.spec.diffing.report import Kind, Place, Report
from tools.spec.diffing.schemas import either, items, mapping
from tools.spec.diffing.values import shown
from tools.spec.document import canonical, resolved, same

Document = Mapping[str, Any]
# Of one server with variables. Nobody lists more regions.
_MAX_ADDRESSES = 200


def compare_head(old: Document, new: Document, report: Report) -> None:
    for key in either(mapping(old.get("info")), mapping(new.get("info"))):
        values = [mapping(document.get("info")).get(key) for document in (old, new)]
        if not same(*values):
            change = f" from {shown(values[0])} to {shown(values[1])}" if key in {"version", "title"} else ""
            report.add(Kind.WORDING, Place(), f"info.{key} changed{change}")
    if not same(old.get("openapi"), new.get("openapi")):
        message = f"OpenAPI {shown(old.get('openapi'))} became {shown(new.get('openapi'))}"
        report.add(Kind.WORDING, Place(), message)
    _servers(items(old.get("servers")), items(new.get("servers")), Place(), report)
    _security(old, new, Place(), report)
    _schemes(old, new, report)


def compare_operations(
    documents: tuple[Document, Document],
    paths: tuple[str, str],
    operations: tuple[Mapping[str, Any], Mapping[str, Any]],
    place: Place,
    report: Report,
) -> None:
    """What an operation has of its own instead of what the document has for all."""
    if any("security" in operation for operation in operations):
        old, new = (
            {**document, "security": operation.get("security", document.get("security"))}
            for document, operation in zip(documents, operations, strict=True)
        )
        _security(old, new, place, report)
    own = [_own_servers(*side) for side in zip(documents, paths, operations, strict=True)]
    if any(own):
        old_servers, new_servers = (
            servers or items(document.get("servers")) for servers, document in zip(own, documents, strict=True)
        )
        _servers(old_servers, new_servers, place, report)


def _own_servers(document: Document, path: str, operation: Mapping[str, Any]) -> list[Any]:
    return items(operation.get("servers")) or items(mapping(mapping(document.get("paths")).get(path)).get("servers"))


def _servers(old: list[Any], new: list[Any], place: Place, report: Report) -> None:
    olds, news = _addresses(old), _addresses(new)
    for url in olds:
        if url not in news:
            report.add(Kind.BREAKING, place, f"server {shown(url)} is gone")
    for url in news:
        if url not in olds:
            report.add(Kind.ADDED, place, f"server {shown(url)} is new")
    first = next(iter(olds), None)
    if first in news and first != next(iter(news)):
        report.add(Kind.BREAKING, place, f"server {shown(first)} is not the default any more")
    for server in new:
        for other in old:
            if mapping(server).get("url") == mapping(other).get("url"):
                _wording(
                    mapping(other), mapping(server), place, f"of server {shown(mapping(server).get('url'))}", report
                )


def _addresses(servers: list[Any]) -> list[str]:
    """All addresses of all servers, the default first. A variable without a list of values stays as it is."""
    found: dict[str, None] = {}
    for server in map(mapping, servers):
        choices = []
        for name, variable in mapping(server.get("variables")).items():
            default, listed = mapping(variable).get("default"), items(mapping(variable).get("enum"))
            values = (
                dict.fromkeys([str(default), *map(str, listed)])
                if listed
                else dict.fromkeys([str(default), f"{{{name}}}"])
            )
            choices.append([(name, value) for value in values])
        for choice in islice(product(*choices), _MAX_ADDRESSES):
            url = str(server.get("url"))
            for name, value in choice:
                url = url.replace(f"{{{name}}}", value)
            found[url.rstrip("/")] = None
    return list(found)


def _security(old: Document, new: Document, place: Place, report: Report) -> None:
    olds, news = _ways(old), _ways(new)
    for way in sorted(olds.keys() - news.keys()):
        report.add(Kind.BREAKING, place, f"security: {olds[way]} is not accepted any more")
    for way in sorted(news.keys() - olds.keys()):
        report.add(Kind.WIDENED, place, f"security: {news[way]} is accepted")


def _ways(document: Document) -> dict[str, str]:
    """Each way to authenticate by its names and scopes. To require nothing is a way, too."""
    ways = [mapping(way) for way in items(document.get("security"))] or [{}]
    return {
        canonical({name: sorted(map(str, items(way[name]))) for name in way}): " with ".join(way) or "no authentication"
        for way in ways
    }


def _schemes(old: Document, new: Document, report: Report) -> None:
    olds, news = (mapping(mapping(document.get("components")).get("securitySchemes")) for document in (old, new))
    for name in (name for name in olds if name in news):
        ours, theirs = mapping(resolved(old, olds[name])), mapping(resolved(new, news[name]))
        for key in either(ours, theirs):
            if key not in WORDING and not key.startswith("x-") and not same(ours.get(key), theirs.get(key)):
                report.add(Kind.BREAKING, Place(), f"security scheme {name}: {key} changed")
        _wording(ours, theirs, Place(), f"of security scheme {name}", report)


def _wording(old: Mapping[str, Any], new: Mapping[str, Any], place: Place, of: str, report: Report) -> None:
    for key in either(old, new):
        if (key in WORDING or key.startswith("x-")) and not same(old.get(key), new.get(key)):
            report.add(Kind.WORDING, place, f"{key} {of} has other words")
