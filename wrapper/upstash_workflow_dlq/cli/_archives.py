"""The file of an archive, as a command takes it, and what its errors say to those who type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ._files import about_file

if TYPE_CHECKING:
    from upstash_workflow_dlq.archive import Archive


@contextmanager
def opened(file: str, *, makes: bool = False) -> Iterator[Archive]:
    """An archive that is there; `makes`: or a new one, where one can be made."""
    from upstash_workflow_dlq.archive import Archive, ArchiveError

    try:
        with Archive(file) as archive:
            if makes:
                from ._keeping import check_place

                check_place(file, file)
            else:
                archive.origins()
            yield archive
    except ArchiveError as error:
        raise about_file(error) from error


def as_an_end(error: BaseException) -> BaseException:
    from upstash_workflow_dlq.archive import ArchiveError

    return about_file(error) if isinstance(error, ArchiveError) else error
