"""What is common to all commands: where the client connects, and what the streams can show."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._exits import Exit, Stopped

if TYPE_CHECKING:
    from upstash_workflow_dlq import DLQClient

# Characters: a device may have no end.
LONGEST_TOKEN = 10_000


@dataclass
class Session:
    """The options that every command takes, before and after its name."""

    token_file: str | None = None
    region: str | None = None
    url: str | None = None
    timeout: float | None = None
    no_color: bool = False
    debug: bool = False

    def client(self, **options: Any) -> DLQClient:
        from upstash_workflow_dlq import DLQClient

        token = None if self.token_file is None else _token_of(self.token_file)
        if self.timeout is not None:
            options["timeout"] = self.timeout
        return DLQClient(token, base_url=self.url, region=self.region, **options)

    @property
    def queue_as_typed(self) -> list[str]:
        """The options that name the queue, to be typed again."""
        named = {"--url": self.url, "--region": self.region, "--token-file": self.token_file}
        return [option_as_typed(name, value) for name, value in named.items() if value is not None]

    @property
    def has_color(self) -> bool:
        return not (self.no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb")


def option_as_typed(name: str, value: str) -> str:
    return f"{name}{'=' if value.startswith('-') else ' '}{quoted(value)}"


def quoted(text: str) -> str:
    """For bash, zsh and others to take as it was; what cannot be seen is written as the bytes that it is."""
    if text.isprintable():
        return shlex.quote(text)
    return f"$'{''.join(map(_quoted, text))}'"


def _quoted(letter: str) -> str:
    if letter in "\\'":
        return f"\\{letter}"
    return letter if letter.isprintable() else "".join(f"\\x{byte:02x}" for byte in os.fsencode(letter))


def is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


def can_ask() -> bool:
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def _token_of(path: str) -> str:
    if path == "-":
        token = _token_of_stdin()
    else:
        from ._files import text_of

        takes = "the token, and nothing else"
        token = text_of(path, "--token-file", takes=takes, most=LONGEST_TOKEN, code=Exit.CONFIGURATION)
    if not token.strip():
        raise Stopped(Exit.CONFIGURATION, f"--token-file {path} is empty: put the token there")
    return token.strip()


def _token_of_stdin() -> str:
    if sys.stdin is None:
        raise Stopped(Exit.CONFIGURATION, "--token-file - reads the token from stdin, and stdin is closed")
    if is_terminal(sys.stdin):
        from getpass import getpass

        try:
            return getpass("Token (not shown): ", stream=sys.stderr)
        except EOFError:
            return ""
    return sys.stdin.readline(LONGEST_TOKEN).removeprefix("\ufeff")
