"""Draws a night at the command line as an SVG. What it shows is what the commands print."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text
from upstash_workflow_dlq.emulator import Emulator

COLUMNS = 110
COMMANDS = (
    "summary --limit 5",
    "list --contains gateway --limit 5",
    "resume --label billing --dry-run",
    "resume --label billing --flow-key payment-provider --rate-limit 60 --period 1m --yes",
)
TERMINAL = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
# What a program needs to start. Anything else of this machine, such as NO_COLOR or COLUMNS, would show in the picture.
NEEDED = ("HOME", "PATH", "PYTHONPATH")
# The fonts of whoever looks at it, instead of some from another host.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def draw(picture: Path) -> None:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    environ = {name: os.environ[name] for name in NEEDED if name in os.environ}
    with Emulator(runs=250, newest=time.time_ns() // 1_000_000) as emulator:
        for command in COMMANDS:
            console.print(Text(f"$ upstash-dlq {command}", style="bold green"))
            shown = on_a_terminal(command.split(), {**environ, **emulator.environ, **TERMINAL})
            console.print(Text.from_ansi(shown.replace("\r\n", "\n")))
    svg = console.export_svg(title="upstash-dlq", code_format=FORMAT, unique_id="night")
    picture.write_text(svg, "utf-8")


def on_a_terminal(arguments: list[str], environ: dict[str, str]) -> str:
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    command = [sys.executable, "-m", "upstash_workflow_dlq", *arguments]
    # stderr in a pipe: no progress, which a picture cannot show.
    with subprocess.Popen(command, stdout=terminal, stderr=subprocess.DEVNULL, env=environ) as process:  # noqa: S603
        os.close(terminal)
        shown = b""
        while chunk := read(ours):
            shown += chunk
        if process.wait():
            raise SystemExit(f"upstash-dlq {' '.join(arguments)} ended with {process.returncode}")
    os.close(ours)
    return shown.decode()


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that the other end is closed
        return b""
