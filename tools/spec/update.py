"""Bring openapi.yaml up to what the vendor publishes, and say what that means: `nox -s update_spec -- SOURCE…`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from openapi_spec_validator import validate
from ruamel.yaml import YAML

from tools.spec import comments
from tools.spec.diff import Change, as_json, as_text, breaks, compare, printable
from tools.spec.merge import additions, merged
from tools.spec.slice import combined, cut_out, in_short
from tools.spec.source import Unusable, plain, read_documents, read_source, same, yaml

SPEC = Path(__file__).parents[2] / "openapi.yaml"


@dataclass(frozen=True)
class Update:
    """The new text of the spec, what changed for users, and what else they should know."""

    text: str
    changes: list[Change]
    notes: list[str]


def update(text: str, sources: list[str]) -> Update:
    """What the spec becomes with these sources. Raise Unusable when one of them is no good; nothing is written."""
    documents = [document for source in sources for document in read_source(source)]
    bare, our_comments = comments.taken_out(text)
    ours = yaml().load(bare)
    slices = [cut_out(document, list(ours["paths"])) for document in documents]
    theirs, notes = combined(slices, ours)
    ours_before = plain(ours)
    root = merged(ours, theirs)
    if kept := additions(root):
        notes.append(f"kept ours, which the source does not have: {', '.join(kept)}")
    if same(ours_before, root):
        return Update(text, [], notes)
    new_text, homeless = comments.put_back(_written(root), our_comments)
    notes += [f"dropped the comment on what is gone: {' '.join(block).strip()}" for block in homeless]
    return Update(new_text, compare(ours_before, plain(root)), notes)


def _written(root: Any) -> str:
    try:
        validate(plain(root))
    except Exception as error:  # of the validator, or of what it trips over
        raise Unusable(
            f"what the update makes is not valid OpenAPI: {in_short(error)}; mend the source or our additions"
        ) from None
    output = StringIO()
    yaml().dump(root, output)
    text = output.getvalue()
    if not same(YAML(typ="safe", pure=True).load(text), root):
        raise Unusable("what the update makes cannot be written as YAML and read again: report this with the source")
    return text


def replace_file(path: Path, text: str) -> None:
    """All or nothing: whoever reads the file sees the old text or the new."""
    path = path.resolve()
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(path, aside)
        os.replace(aside, path)
    except OSError as error:
        raise Unusable(f"{path.name} cannot be written ({error.strerror}): make room for it") from None
    finally:
        Path(aside).unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="update_spec", description="Bring openapi.yaml up to what the vendor publishes, and say what that means."
    )
    parser.add_argument(
        "sources", nargs="+", metavar="SOURCE", help="path or https URL of an OpenAPI document or documentation page"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--spec", type=Path, default=SPEC, help="the file to update, else the one of this checkout")
    options = parser.parse_args(arguments)
    try:
        before = _read(options.spec)
        result = update(before, options.sources)
        if result.text != before:
            replace_file(options.spec, result.text)
    except (Unusable, RecursionError) as error:
        told = str(error) if isinstance(error, Unusable) else "nested too deeply; pass a simpler document"
        print(f"update_spec: {printable(told)} ({options.spec.name} is untouched)", file=sys.stderr)
        return 2
    print(_as_json(result, before) if options.json else _as_text(result, before, options.spec.name))
    return int(breaks(result.changes))


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{path.name} cannot be read ({error.__class__.__name__}): check --spec") from None
    read_documents(path.name, text.encode())  # raises what is wrong with it
    return text


def _as_json(result: Update, before: str) -> str:
    document: Mapping[str, Any] = {"updated": result.text != before, **as_json(result.changes), "notes": result.notes}
    return json.dumps(document, indent=2)


def _as_text(result: Update, before: str, name: str) -> str:
    updated = result.text != before
    headline = f"{name} updated. Next: nox -s regenerate, then nox." if updated else f"{name} says all of it already."
    paragraphs = [as_text(result.changes)] if updated else []
    if result.notes:
        paragraphs.append("\n".join(["Notes", *(f"- {printable(note)}" for note in result.notes)]))
    return "\n\n".join([*paragraphs, headline])


if __name__ == "__main__":
    sys.exit(main())
