"""`class_overrides` in generator-config.yaml, kept so that generated classes keep the names that people import.

The generator names a class after its schema, or after its place if the schema has no name. So a class changes its name
when the vendor names, renames or inlines its schema, although nothing changes on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml as libyaml

from tools.spec import generator, text
from tools.spec.client import Client, client, pairs
from tools.spec.document import Unusable, plain, same

Overrides = dict[str, dict[str, str]]
_KEY = "class_overrides"


def read(name: str, config_text: str) -> dict[str, Any]:
    config = text.parse(name, config_text).root
    if not isinstance(config, Mapping):
        raise Unusable(f"{name} is no mapping; restore it")
    return dict(plain(config))


def keep_names(old: Client, spec: Mapping[str, Any], config: Mapping[str, Any]) -> Overrides:
    """What `class_overrides` needs in addition, so that the new classes are called like the old ones."""
    needed: Overrides = {}
    while more := _renamed(old, client(spec, with_overrides(config, needed)), needed):
        # One level at a time: a class within another is named after that one.
        needed |= more
    return needed


def with_overrides(config: Mapping[str, Any], more: Overrides) -> dict[str, Any]:
    return {**config, _KEY: {**(config.get(_KEY) or {}), **more}} if more else dict(config)


def _renamed(old: Client, new: Client, known: Overrides) -> Overrides:
    found: Overrides = {}
    taken = set(new.classes)
    for before, after in pairs(old, new):
        default = new.defaults[after]
        is_same_kind = bool(old.classes[before].members) == bool(new.classes[after].members)
        if (
            before == after
            or before in taken
            or after in old.classes
            or default in {*known, *found}
            or not is_same_kind
        ):
            continue
        taken.add(before)
        module = old.classes[before].module
        found[default] = {"class_name": before}
        if module != generator.module_name(before):
            found[default]["module_name"] = module
    return found


def edited(name: str, config_text: str, more: Overrides) -> str:
    """The text of the configuration with these overrides at the end of the others. All else stays as it is."""
    if not more:
        return config_text
    wanted = with_overrides(read(name, config_text), more)
    lines = config_text.rstrip("\n").split("\n")
    at, indent = len(lines), "  "
    root = libyaml.compose(config_text, Loader=libyaml.CBaseLoader)
    entries = next((value for key, value in root.value if key.value == _KEY), None)
    if entries is None:
        lines.append(f"{_KEY}:")
        at += 1
    elif not isinstance(entries, libyaml.MappingNode) or entries.flow_style or not entries.value:
        raise Unusable(f"{name} has its {_KEY} on one line; write them as a block, with these: {more}")
    else:
        indent = " " * entries.value[0][0].start_mark.column
        at = _last_line(entries) + 1
        # Those that have another name now; the last first, so that line numbers stay right.
        for key, value in reversed([entry for entry in entries.value if entry[0].value in more]):
            first, last = key.start_mark.line, _last_line(value)
            del lines[first : last + 1]
            at -= last + 1 - first
    lines[at:at] = [
        line
        for default, override in more.items()
        for line in (f"{indent}{default}:", *(f"{indent}  {key}: {value}" for key, value in override.items()))
    ]
    new_text = "\n".join(lines) + "\n"
    if not same(read(name, new_text), wanted):
        raise Unusable(f"{name} cannot be edited; add to its {_KEY}: {more}")
    return new_text


def _last_line(node: libyaml.Node) -> int:
    if isinstance(node, libyaml.ScalarNode) or not node.value:
        return int(node.start_mark.line)
    last = node.value[-1]
    return _last_line(last[1] if isinstance(last, tuple) else last)
