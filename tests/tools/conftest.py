from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from specs import CONFIG, TODAY, Result

from tools.spec import update as spec_update


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
