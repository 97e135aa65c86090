"""Text of strangers made harmless: for a line on a terminal or in a table, and for a cell of a CSV file. Pure."""

from __future__ import annotations

__all__ = ["safe", "safe_lines", "spreadsheet"]

# A spreadsheet runs a cell that begins with one of these, in their wide forms too.
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001


def safe(text: str) -> str:
    r"""The text on one line, with nothing that a terminal acts on.

    Escape sequences, overrides of direction, line breaks and all that cannot be seen are written as `\x1b` or `\u202e`.

    ```python
    from upstash_workflow_dlq.harmless import safe

    print(safe("\x1b[2Jall is well"))  # \x1b[2Jall is well
    ```
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def safe_lines(text: str) -> list[str]:
    """As `safe`, with the line breaks that people put there."""
    return [safe(line.replace("\t", "    ")) for line in text.replace("\r\n", "\n").split("\n")]


def spreadsheet(text: str) -> str:
    """The text as a CSV cell that is no formula: what looks like one gets an apostrophe in front.

    ```python
    from upstash_workflow_dlq.harmless import spreadsheet

    print(spreadsheet("=1+1"))  # '=1+1
    ```
    """
    shown = safe(text)
    return f"'{shown}" if shown.lstrip().startswith(FORMULA) else shown
