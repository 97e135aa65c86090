"""Payloads, compressed by blocks of up to 100 runs.

Measured with 100,000 runs of 1.7 kB from the emulator (zlib, level 6): each run for itself takes 895 bytes and 63
microseconds, with the payloads of 20 others as preset dictionary 310 and 130, a block of 100 takes 286 and 32 a run. A
small block, which a sync every few minutes makes, is compressed with a larger one as its dictionary.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable

MOST_RUNS = 100
LEVEL = 6
# What zlib looks back.
WINDOW = 32_768
# A block of so many bytes does well by itself, and serves others as their dictionary.
LARGE = 16_384

# Blocks that are kept decompressed: runs that are read together are mostly in few of them.
KEPT = 8


class Blocks:
    """Those of one archive, decompressed as they are needed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._kept: dict[int, bytes] = {}

    def content(self, block: int) -> bytes:
        if block not in self._kept:
            base, compressed = self._connection.execute(
                "SELECT base, content FROM blocks WHERE id = ?", (block,)
            ).fetchone()
            if base is None:
                content = zlib.decompress(compressed)
            else:
                content = zlib.decompressobj(zdict=self.content(base)[-WINDOW:]).decompress(compressed)
            while len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[block] = content
        return self._kept[block]

    def base_for(self, size: int) -> tuple[int, bytes] | None:
        """A block that serves one of this size as dictionary. Blocks with a base are none: they would make chains."""
        if size >= LARGE:
            return None
        found = self._connection.execute("SELECT max(id) FROM blocks WHERE base IS NULL").fetchone()[0]
        return None if found is None else (found, self.content(found)[-WINDOW:])


def compressed(payloads: Iterable[bytes], dictionary: bytes | None) -> bytes:
    content = b"".join(payloads)
    if dictionary is None:
        return zlib.compress(content, LEVEL)
    compressor = zlib.compressobj(LEVEL, zdict=dictionary)
    return compressor.compress(content) + compressor.flush()
