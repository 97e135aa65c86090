from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest
from specs import CONFIG, TODAY, Result

from tools.spec import drift as spec_drift
from tools.spec import update as spec_update
from tools.spec.document import canonical


@pytest.fixture(autouse=True, scope="session")
def _valid_once() -> Iterator[None]:
    """What is known to be valid is not validated again: it takes a third of an update, and most tests change little."""
    known: set[str] = set()

    def validate(document: Mapping[str, Any]) -> None:
        if (content := canonical(document)) not in known:
            openapi_spec_validator.validate(document)
            known.add(content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tools.spec.valid.validate", validate)
        yield


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    """A spec to update."""
    path = tmp_path / "spec" / "openapi.yaml"
    path.parent.mkdir()
    path.write_text(TODAY, encoding="utf-8")
    path.with_name("generator-config.yaml").write_text(CONFIG, encoding="utf-8")
    return path


@pytest.fixture
def update(spec_file: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Result]]:
    """Runs the command on `spec_file` without trying out the client. Nothing may ever be left beside the file."""

    def run(*arguments: object) -> Result:
        status = spec_update.main(["--spec", str(spec_file), *map(str, arguments)], check=lambda spec, config: None)
        return Result(status, *capsys.readouterr())

    yield run
    assert {path.name for path in spec_file.parent.iterdir()} == {"openapi.yaml", "generator-config.yaml"}


@pytest.fixture
def drift(spec_file: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    def run(*arguments: object) -> Result:
        status = spec_drift.main(["--spec", str(spec_file), *map(str, arguments)], check=lambda spec, config: None)
        return Result(status, *capsys.readouterr())

    return run


@pytest.fixture
def entries(tmp_path: Path) -> Callable[..., Path]:
    """Writes a report with these entries."""

    def write(*entries: object, checked: int = 9, **more: object) -> Path:
        path = tmp_path / "entries.json"
        path.write_text(json.dumps({"checked": checked, "drift": entries, **more}))
        return path

    return write
