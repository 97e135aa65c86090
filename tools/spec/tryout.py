"""Generates a client into a temporary folder and uses it in a fresh process, where a name that clashes shows."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.spec import generator
from tools.spec.document import Unusable, resolved

MAX_SECONDS = 120
PACKAGE = "upstash_workflow_rest"

# Imports each module, and has one object of each class read from JSON and turned back into it.
_USE = """
import importlib, json, pkgutil, sys
sys.path.insert(0, sys.argv[1])
package = importlib.import_module(sys.argv[2])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
models = importlib.import_module(package.__name__ + ".models")
for name, sample in json.load(sys.stdin).items():
    back = getattr(models, name).from_dict(sample).to_dict()
    if back != sample:
        sys.exit(f"{name} turns {sample} into {back}")
"""


def try_out(spec: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Unusable if the client of this document cannot be generated, imported and used."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, PACKAGE)
        generator.generate(spec, {**config, "post_hooks": []}, made)
        use(made, spec, config)


def use(package: Path, spec: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    command = [sys.executable, "-I", "-c", _USE, str(package.parent), package.name]
    samples = json.dumps(_samples(spec, config))
    try:
        done = subprocess.run(  # noqa: S603 - this Python
            command, input=samples, capture_output=True, text=True, encoding="utf-8", timeout=MAX_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unusable(f"the generated client cannot be imported within {MAX_SECONDS} seconds; report this") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise Unusable(
            f"the generated client does not work ({reason[:300]}); give the class another name under class_overrides"
            " in generator-config.yaml if that is what clashes, else correct the document"
        )


def _samples(spec: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """An object of each class of a named schema."""
    overrides = config.get("class_overrides") or {}
    samples = {}
    for name, schema in spec.get("components", {}).get("schemas", {}).items():
        default = generator.class_name(name)
        value = _sample(spec, schema, 0)
        if isinstance(value, dict) and "properties" in schema:
            samples[str(overrides.get(default, {}).get("class_name", default))] = value
    return samples


_OF_FORMAT = {
    "date-time": "2026-11-26T05:23:00+00:00",
    "date": "2026-11-26",
    "uuid": "9e9a4a5b-3b0e-4c39-8d2e-0e8f1c2b3a4d",
}
_OF_TYPE = {"integer": 7, "number": 1.5, "boolean": True, "null": None}


def _sample(spec: Mapping[str, Any], schema: Any, depth: int) -> Any:
    schema = resolved(spec, schema)
    if not isinstance(schema, Mapping) or depth > 5:
        return {}
    if "const" in schema or "enum" in schema:
        return next((value for value in [schema.get("const"), *schema.get("enum", [])] if value is not None), None)
    for member in [*schema.get("oneOf", []), *schema.get("anyOf", [])]:
        return _sample(spec, member, depth + 1)
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "array":
        return [_sample(spec, schema.get("items", {}), depth + 1)]
    if kind == "object" or "properties" in schema or "allOf" in schema:
        value: dict[str, Any] = {}
        for member in schema.get("allOf", []):
            value |= _sample(spec, member, depth + 1)
        for name, child in schema.get("properties", {}).items():
            if depth < 5 or name in schema.get("required", []):
                value[name] = _sample(spec, child, depth + 1)
        return value
    return _OF_TYPE.get(str(kind), _OF_FORMAT.get(str(schema.get("format")), "text"))
