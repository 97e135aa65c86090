"""Bring openapi.yaml up to what the vendor publishes, and say what that means: `nox -s update_spec -- SOURCE…`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.spec import comments, overrides, text
from tools.spec.client import client
from tools.spec.combine import combined
from tools.spec.command import run
from tools.spec.diffing import Change, as_json, as_text, breaks, compare
from tools.spec.document import Unusable, plain, printable, same
from tools.spec.files import replace_files
from tools.spec.merge import additions, merged
from tools.spec.slice import cut_out
from tools.spec.source import read_documents, read_source
from tools.spec.tryout import try_out
from tools.spec.valid import refuse_invalid, turned_texts

SPEC = Path(__file__).parents[2] / "openapi.yaml"


@dataclass(frozen=True)
class Update:
    """The new texts of the spec and of the generator's configuration, what changes for users, and notes."""

    spec: str
    config: str
    changes: list[Change]
    notes: list[str]


class Ours:
    """Both files as they are, and what they become with another root of the spec. Writes nothing."""

    def __init__(self, config: str, spec: str) -> None:
        self._config, self._spec = config, spec
        bare, self._comments = comments.take_out(spec)
        self.root = read_documents("openapi.yaml", bare.encode())[0].root
        self._before = plain(self.root)

    def updated(self, root: Any, notes: list[str]) -> Update:
        after = plain(root)
        if same(self._before, after):
            return Update(self._spec, self._config, [], notes)
        new_spec, homeless = comments.put_back(_written(root), self._comments)
        notes += [f"dropped a comment, since what it is about is gone: {' '.join(block).strip()}" for block in homeless]
        settings = overrides.read("generator-config.yaml", self._config)
        more = overrides.keep_names(client(self._before, settings), after, settings)
        notes += [f"kept the name of a generated class: {override['class_name']}" for override in more.values()]
        new_config = overrides.edited("generator-config.yaml", self._config, more)
        new_settings = overrides.read("generator-config.yaml", new_config)
        return Update(new_spec, new_config, compare(self._before, after, settings, new_settings), notes)


def update(spec: str, config: str, sources: list[str]) -> Update:
    """What both files become with these sources. Unusable if a source is unusable. Writes nothing."""
    documents = [document for source in sources for document in read_source(source)]
    ours = Ours(config, spec)
    slices = [cut_out(document, ours.root) for document in documents]
    theirs, notes = combined(slices, ours.root)
    root = merged(ours.root, theirs)
    notes += [
        f"the text at {place} has characters that turn its direction around; read it with care"
        for place in turned_texts(theirs.root)
    ]
    if kept := additions(root):
        notes.append(f"kept our additions, which the source does not have: {', '.join(kept)}")
    return ours.updated(root, notes)


def _written(root: Any) -> str:
    refuse_invalid("the update", root)
    new_text = text.write(root)
    if not same(text.parse("the update", new_text).root, root):
        raise Unusable("the update cannot be written as YAML and read again; report this with the source")
    return new_text


Check = Callable[[Mapping[str, Any], Mapping[str, Any]], None]


def main(arguments: list[str] | None = None, check: Check = try_out) -> int:
    """`check` is given the new spec and configuration before anything is written."""
    parser = argparse.ArgumentParser(
        prog="update_spec", description="Bring openapi.yaml up to what the vendor publishes, and say what that means."
    )
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE", help="path or https URL of an OpenAPI document or documentation page"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--spec",
        type=Path,
        default=SPEC,
        help="the file to update (default: the one of this checkout); generator-config.yaml lies beside it",
    )
    options = parser.parse_args(arguments)
    return run("update_spec", lambda: _update_files(options, check), unchanged=options.spec.name)


def _update_files(options: argparse.Namespace, check: Check) -> int:
    files = paths(options.spec)
    config, spec = texts = read_texts(files)
    result = update(spec, config, options.sources)
    new = write(result, files, texts, check)
    try:
        print(_as_json(result, bool(new)) if options.json else _as_text(result, new), flush=True)
    except OSError as error:  # a pipe that is closed; the files are as they should be all the same
        print(f"update_spec: the report cannot be printed ({error.strerror})", file=sys.stderr)
    return int(breaks(result.changes))


def paths(spec: Path) -> list[Path]:
    """The configuration first: an override without its class does no harm, a class without its override does."""
    return [spec.with_name("generator-config.yaml"), spec]


def read_texts(files: list[Path]) -> list[str]:
    return [_read(path) for path in files]


def write(result: Update, files: list[Path], before: list[str], check: Check) -> list[str]:
    """Both files or none. Returns the names of those that changed."""
    new = {
        path: after
        for path, old, after in zip(files, before, [result.config, result.spec], strict=True)
        if after != old
    }
    if new:
        check(_parsed(result.spec), overrides.read("generator-config.yaml", result.config))
        replace_files(new)
    return [path.name for path in new]


def _parsed(spec: str) -> Mapping[str, Any]:
    document: Mapping[str, Any] = plain(text.parse("openapi.yaml", spec).root)
    return document


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{path.name} cannot be read ({type(error).__name__}); check --spec") from None


def _as_json(result: Update, updated: bool) -> str:
    document: Mapping[str, Any] = {"updated": updated, **as_json(result.changes), "notes": result.notes}
    return json.dumps(document, indent=2)


def _as_text(result: Update, updated: list[str]) -> str:
    if updated:
        headline = f"{' and '.join(reversed(updated))} updated. Next: nox -s regenerate, then nox."
    else:
        headline = "openapi.yaml is up to date already."
    paragraphs = [as_text(result.changes)] if updated else []
    if result.notes:
        paragraphs.append("\n".join(["Notes", *(f"- {printable(note)}" for note in result.notes)]))
    return "\n\n".join([*paragraphs, headline])


if __name__ == "__main__":
    sys.exit(main())
