"""What a change of the spec means to users: `nox -s spec_diff -- OLD NEW [--json]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.spec import overrides
from tools.spec.command import run
from tools.spec.diffing import as_json, as_text, breaks, compare
from tools.spec.document import Unusable, plain
from tools.spec.source import read_source

CONFIG = Path(__file__).parents[2] / "generator-config.yaml"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="spec_diff", description="What changed between two OpenAPI documents, classed from the view of users."
    )
    parser.add_argument("old", help="path or https URL of the older document")
    parser.add_argument("new", help="path or https URL of the newer document")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    return run("spec_diff", lambda: _compare_files(options))


def _compare_files(options: argparse.Namespace) -> int:
    old, new = (_one_document(where) for where in (options.old, options.new))
    config = overrides.read(CONFIG.name, CONFIG.read_text(encoding="utf-8"))
    changes = compare(old, new, config, config)
    print(json.dumps(as_json(changes), indent=2) if options.json else as_text(changes))
    return int(breaks(changes))


def _one_document(where: str) -> Mapping[str, Any]:
    documents = read_source(where)
    if len(documents) != 1:
        raise Unusable(f"{where} has {len(documents)} documents; pass a page with one, or update from it first")
    document: Mapping[str, Any] = plain(documents[0].root)
    return document


if __name__ == "__main__":
    sys.exit(main())
