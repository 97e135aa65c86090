"""A terminal: a real pseudo-terminal, and what a person would see on it. UPDATE_SCREENS=1 writes the screens anew."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import pyte

# Prints the screen as text; a command that hangs is a failure of its own.
PATIENCE = 20.0

SCREENS = Path(__file__).parent / "cli" / "screens"


class Terminal:
    """One command in it. `screen` has what is shown now, `said` all that was ever written; `stdout`: goes elsewhere."""

    def __init__(
        self,
        *arguments: str,
        columns: int = 100,
        lines: int = 40,
        env: Mapping[str, str] | None = None,
        stdout: IO[bytes] | None = None,
        command: Sequence[str] = (sys.executable, "-m", "upstash_workflow_dlq"),
    ) -> None:
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.said = b""
        self._main, terminal = pty.openpty()
        self._resize(terminal, columns, lines)
        surroundings = {"TERM": "xterm-256color", "LANG": "C.UTF-8", **os.environ, **(env or {})}
        for name in ("NO_COLOR", "COLUMNS", "LINES"):
            if name not in (env or {}):
                surroundings.pop(name, None)
        self.process = subprocess.Popen(  # noqa: S603
            [*command, *arguments], stdin=terminal, stdout=stdout or terminal, stderr=terminal,
            env=surroundings, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(terminal)

    @staticmethod
    def _resize(terminal: int, columns: int, lines: int) -> None:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns: int, lines: int = 40) -> None:
        self._resize(self._main, columns, lines)
        self._screen.resize(lines, columns)

    def enter(self, text: str) -> None:
        os.write(self._main, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C, as the terminal sends it."""
        self.enter("\x03")

    def close(self) -> None:
        """As a window is closed, or a connection is lost."""
        if self._main >= 0:
            os.close(self._main)
            self._main = -1

    def wait_for(self, text: str) -> str:
        """Until the screen shows this."""
        end = time.monotonic() + PATIENCE
        while text not in self.screen:
            if not self._read(end) and text not in self.screen:
                raise AssertionError(f"the command ended, and did not show {text!r}:\n{self.screen}")
        return self.screen

    def ended(self) -> int:
        """The exit code."""
        return self.answer_until_ended("", "")

    def answer_until_ended(self, question: str, answer: str) -> int:
        """The exit code, once the question was answered as often as it was asked."""
        end = time.monotonic() + PATIENCE
        answered = 0
        while self._read(end):
            if question and self.said.count(question.encode()) > answered:
                answered += 1
                self.enter(answer)
        return self.process.wait(PATIENCE)

    @property
    def screen(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    def _read(self, end: float) -> bool:
        """Whether there is more to come."""
        ready, _, _ = select.select([self._main], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            raise AssertionError(f"nothing more came in {PATIENCE:.0f} s:\n{self.screen}")
        try:
            chunk = os.read(self._main, 65536)
        except OSError:  # how Linux says that the other end is closed
            chunk = b""
        self.said += chunk
        self._stream.feed(chunk)
        return bool(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.close()


def seen(name: str, screen: str) -> None:
    """The screen is as it was committed."""
    path = SCREENS / f"{name}.txt"
    if os.environ.get("UPDATE_SCREENS"):
        path.write_text(f"{screen}\n", "utf-8")
    assert f"{screen}\n" == path.read_text("utf-8")
