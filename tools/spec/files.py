"""Replaces files, all of them or none."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tools.spec.document import Unusable


def replace_files(texts: Mapping[Path, str]) -> None:
    """Readers see the old text of each file or the new one. If one of them cannot be replaced, none is.

    The files are replaced in the order given. After a crash in between, the first ones are new and the others old.
    """
    targets = {path.resolve(): text for path, text in texts.items()}
    originals = {path: path.read_bytes() for path in targets}
    done: list[Path] = []
    try:
        for path, text in targets.items():
            _write_aside(path, text.encode())
        for path in targets:
            os.replace(_aside(path), path)
            done.append(path)
    except OSError as error:
        for path in done:
            _write_aside(path, originals[path])
            os.replace(_aside(path), path)
        raise Unusable(f"{path.name} cannot be written ({error.strerror}); make room for it and try again") from None
    finally:
        for path in targets:
            _aside(path).unlink(missing_ok=True)


def _aside(path: Path) -> Path:
    # Always the same name: what a killed run leaves behind, the next one removes.
    return path.with_name(f".{path.name}.new")


def _write_aside(path: Path, content: bytes) -> None:
    aside = _aside(path)
    aside.unlink(missing_ok=True)
    with aside.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileNotFoundError):
        shutil.copymode(path, aside)
