"""openapi-python-client as we run it: in this process, with the bugs of its naming fixed, and every warning an error.

The only module that knows the generator's insides. Its version is pinned exactly.
"""

from __future__ import annotations

import contextlib
import io
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openapi_python_client import Project, strings
from openapi_python_client.config import ClassOverride, Config, ConfigFile, MetaType
from openapi_python_client.parser import GeneratorData

from tools.spec.document import Unusable

# Names that the generated models use themselves. A property called like one of them gets a `_` at its end.
strings.RESERVED_WORDS.update(
    {"cls", "d", "src_dict", "field_dict", "to_dict", "from_dict", "to_multipart", "prop", "prop_name", "prop_dict"},
    {"additional_properties", "additional_keys", "cast", "isoparse", "files", "types", "json"},
)
# Python reads identifiers in this form. Two names that differ outside of it would be one.
_sanitize = strings.sanitize
strings.sanitize = lambda value: _sanitize(unicodedata.normalize("NFKC", value))


class Overrides(dict[str, ClassOverride]):
    """`class_overrides`, and what each class would be called without them."""

    def __init__(self, overrides: Mapping[str, ClassOverride]) -> None:
        super().__init__(overrides)
        self.defaults: dict[str, str] = {}

    def get(self, key: str, default: Any = None) -> Any:
        override = super().get(key, default)
        renamed = override.class_name if override else None
        self.defaults[renamed.get_untrusted_value() if renamed else str(key)] = str(key)
        return override


def read(spec: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[GeneratorData, Overrides]:
    """What the generator makes of a document. Unusable if it would leave anything out."""
    settings = _settings(config, Path())
    settings.class_overrides = overrides = Overrides(settings.class_overrides)
    try:
        data = GeneratorData.from_dict(_with_usable_names(spec), config=settings)
    except Exception as error:  # it raises all kinds, for duplicate names of enum members for instance
        raise _unusable(str(error)) from None
    if not isinstance(data, GeneratorData):
        raise _unusable(f"{data.header} {data.detail}")
    problems = [
        *data.errors,
        *(error for tag in data.endpoint_collections_by_tag.values() for error in tag.parse_errors),
    ]
    if problems:
        raise _unusable(f"{problems[0].header} {problems[0].detail}")
    return data, overrides


def generate(spec: Mapping[str, Any], config: Mapping[str, Any], folder: Path) -> None:
    """Write the generated package to a folder that does not exist yet."""
    settings = _settings(config, folder)
    data, _ = read(spec, config)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            problems = Project(openapi=data, config=settings).build()
    except Exception as error:
        raise _unusable(f"{type(error).__name__}: {error}") from None
    if problems:
        raise _unusable(f"{problems[0].header} {problems[0].detail}")
    for path in folder.rglob("*.py"):
        if re.search(rb"\A(?:[^\n]*\n)?[ \t\f]*#[^\n]*?coding[:=]", path.read_bytes()):
            raise _unusable(f"{path.name} would begin with a line that says how to decode it")
    (folder / "py.typed").touch()  # which --meta none leaves out


def class_name(schema_name: str) -> str:
    """The class of a schema, unless class_overrides says another."""
    return str(strings.ClassName(schema_name, prefix="field_"))


def module_name(class_name: str) -> str:
    """The module of a class, unless class_overrides says another."""
    return str(strings.PythonIdentifier(class_name, prefix=""))


def _settings(config: Mapping[str, Any], folder: Path) -> Config:
    try:
        file = ConfigFile(**config)
    except ValueError as error:
        raise Unusable(f"generator-config.yaml is not valid ({str(error).splitlines()[0]}); correct it") from None
    return Config.from_sources(
        file, MetaType.NONE, document_source=Path(), file_encoding="utf-8", overwrite=False, output_path=folder
    )


def _with_usable_names(node: Any) -> Any:
    """Without `x-enum-varnames` that are no Python names: the generator makes others from the values."""
    if isinstance(node, Mapping):
        kept = {key: _with_usable_names(child) for key, child in node.items()}
        names = kept.get("x-enum-varnames")
        if isinstance(names, list) and not all(strings.snake_case(str(name)).isidentifier() for name in names):
            del kept["x-enum-varnames"]
        return kept
    return [_with_usable_names(item) for item in node] if isinstance(node, list) else node


def _unusable(reason: str) -> Unusable:
    return Unusable(
        f"no client can be generated: {' '.join(reason.split())[:300]}; if two classes have one name, give one of them"
        " another under class_overrides in generator-config.yaml; if two members of an enum have, set literal_enums"
        " there; else correct the document"
    )
