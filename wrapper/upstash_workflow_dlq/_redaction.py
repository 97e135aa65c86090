"""Keeps tokens out of what people see: messages, logs, reprs.

A server may quote the token in any spelling: escaped for JSON, HTML or URLs, more than once, or in base64. So texts are
decoded before a token is looked for.

The tokens of all clients are known here, and stay known: a run may quote one long after its client is gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

HIDDEN = "[token]"

# Shorter ones are no real tokens, and likely to be part of other words.
MIN_LENGTH = 8

# Tokens that are remembered; of more, those of the newest clients.
MAX_TOKENS = 100

# How deeply escapes may be nested: HTML of a URL of JSON.
MAX_ROUNDS = 3

# Each known token, and what it looks like when it is encoded as a whole.
_known: dict[str, tuple[str, ...]] = {}

_ESCAPE = re.compile(
    r"%(?:25)*(?P<percent>[0-9a-fA-F]{2})"
    r"|\\+(?:u00|U000000|x)(?P<escape>[0-9a-fA-F]{2})"
    r"|&(?:amp;)*(?:\#[xX]0*(?P<hex>[0-9a-fA-F]{2})|\#0*(?P<decimal>[0-9]{2,3})|(?P<name>[a-zA-Z]+));?"
    r"|(?P<nothing>[\\\0]+)"
)


def remember(token: str) -> None:
    """Hide this token from now on."""
    if len(token) < MIN_LENGTH:
        return
    _known.pop(token, None)
    _known[token] = tuple(_spellings(token))
    while len(_known) > MAX_TOKENS:
        _known.pop(next(iter(_known)), None)


def redacted(text: str) -> str:
    """The text without any token."""
    needles = [needle for spellings in list(_known.values()) for needle in spellings]
    for needle in needles:
        text = text.replace(needle, HIDDEN)
    decoded = text
    for rounds in range(1, MAX_ROUNDS + 1):
        if not needles or not _ESCAPE.search(decoded):
            break
        decoded = _ESCAPE.sub(_replacement, decoded)
        for needle in needles:
            if needle in decoded:
                # There may be more of them.
                return redacted(_without(needle, text, rounds))
    return text


def shows_token(text: str) -> bool:
    # Most texts are shorter than any token.
    return any(len(text) >= len(token) for token in list(_known)) and redacted(text) != text


def redacted_bytes(content: bytes) -> bytes:
    return redacted(content.decode("latin-1")).encode("latin-1")


def _spellings(token: str) -> Iterator[str]:
    from base64 import b64encode

    plain = token.encode()
    yield token
    yield plain.hex()
    yield plain.hex().upper()
    # What of the base64 of a longer text is the same, wherever in it the token begins, and whatever comes after it.
    for offset, changed in enumerate((0, 2, 3)):
        encoded = b64encode(bytes(offset) + plain).decode()
        inner = encoded[changed:] if (offset + len(plain)) % 3 == 0 else encoded[changed:-4]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")


def _replacement(escape: re.Match[str]) -> str:
    """What it stands for, if that is a character that a token may have."""
    kind = escape.lastgroup or ""
    if kind == "nothing":
        return ""
    if kind == "name":
        from html.entities import html5

        character = html5.get(f"{escape[kind]};", "")
    else:
        character = chr(int(escape[kind], 10 if kind == "decimal" else 16))
    return character if len(character) == 1 and "!" <= character <= "~" else escape[0]


def _without(needle: str, text: str, rounds: int) -> str:
    """The text without what stands for the needle after so many rounds of decoding."""
    decoded, starts = text, list(range(len(text) + 1))
    for _ in range(rounds):
        decoded, starts = _located(decoded, starts)
    parts: list[str] = []
    end = 0
    at = decoded.find(needle)
    while at >= 0:
        parts += (text[end : starts[at]], HIDDEN)
        end = starts[at + len(needle)]
        at = decoded.find(needle, at + len(needle))
    return "".join([*parts, text[end:]])


def _located(text: str, starts: list[int]) -> tuple[str, list[int]]:
    """The text decoded once, and where in the original each of its characters, and its end, begins."""
    parts: list[str] = []
    origins: list[int] = []
    end = 0
    for escape in _ESCAPE.finditer(text):
        replacement = _replacement(escape)
        parts += (text[end : escape.start()], replacement)
        origins += starts[end : escape.start()]
        if replacement == escape[0]:
            origins += starts[escape.start() : escape.end()]
        elif replacement:
            origins.append(starts[escape.start()])
        else:
            # It belongs to what comes after it, as the backslash of an escape does.
            starts[escape.end()] = starts[escape.start()]
        end = escape.end()
    return "".join([*parts, text[end:]]), origins + starts[end:]
