"""A token is found however it is spelled, and nothing else is changed."""

from __future__ import annotations

import base64
import html
import json
import random
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from upstash_workflow_dlq import _redaction
from upstash_workflow_dlq._redaction import MAX_TOKENS, redacted, redacted_bytes, remember

TOKEN = "eyJVc2VySUQi+abc/d.f-_==&<x>\"'"


@pytest.fixture(autouse=True)
def _one_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_redaction, "_known", {})
    remember(TOKEN)


def every(form: str) -> Callable[[str], str]:
    return lambda text: "".join(form.format(ord(character)) for character in text)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in a URL": quote,
    "in a URL, slashes too": lambda text: quote(text, safe=""),
    "in a form": quote_plus,
    "in a URL, lower case": lambda text: quote(text, safe="").replace("%2B", "%2b").replace("%3D", "%3d"),
    "in a URL, all of it": every("%{:02x}"),
    "in a URL in a URL": lambda text: quote(quote(text, safe="")),
    "in a URL, three times": lambda text: quote(quote(quote(text, safe=""))),
    "in JSON": lambda text: json.dumps(text)[1:-1],
    "in JSON with slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "in JSON, like Go": lambda text: text.replace('"', '\\"').replace("&", "\\u0026").replace("<", "\\u003c"),
    "in JSON, all of it": every("\\u{:04X}"),
    "in JSON in JSON": lambda text: json.dumps(json.dumps(text))[1:-1].replace("=", "\\\\u003d"),
    "in HTML": html.escape,
    "in HTML, hex": every("&#x{:x};"),
    "in HTML, hex, upper case": every("&#X00{:X};"),
    "in HTML, decimal": every("&#{};"),
    "in HTML, by name": lambda text: html.escape(text).replace("=", "&equals;").replace("/", "&sol;"),
    "in HTML in HTML": lambda text: html.escape(html.escape(text)),
    "JSON in HTML": lambda text: html.escape(json.dumps(text)[1:-1].replace("=", "\\u003d")),
    "a URL in HTML": lambda text: html.escape(quote(text)).replace("%", "&#37;"),
    "JSON in a URL": lambda text: quote(json.dumps(text)[1:-1].replace("=", "\\u003d"), safe=""),
    "as Python shows it": lambda text: ascii(text.encode())[2:-1],
    "as Python shows it, escaped": every("\\x{:02x}"),
    "UTF-16": lambda text: text.encode("utf-16-le").decode("latin-1"),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of more": lambda text: base64.b64encode(f"user:{text}, and more".encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(f"Bearer {text}".encode()).decode(),
    "base64 in a URL": lambda text: quote(base64.b64encode(f"a:{text}".encode()).decode()),
    "hex": lambda text: text.encode().hex(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_token_is_found_in_any_spelling(spelling: str) -> None:
    spelled = SPELLINGS[spelling](TOKEN)
    shown = redacted(f"a%20b {spelled} c&amp;d {spelled}!")
    assert shown.startswith("a%20b ")
    assert shown.count("[token]") == 2
    assert shown.endswith("!")
    kept = {spelled[at : at + 8] for at in range(len(spelled) - 8) if spelled[at : at + 8] in shown}
    assert not kept or "base64" in spelling
    assert redacted_bytes(f"<{spelled}>".encode("latin-1")).count(b"[token]") == 1


def test_mixed_spellings_are_found() -> None:
    rng = random.Random(1)
    for _ in range(300):
        forms = ["{0}", "%{1:02x}", "%25{1:02X}", "\\u{1:04x}", "&#{1};", "&#x{1:x};", "\\{0}", "\0{0}"]
        spelled = "".join(rng.choice(forms).format(character, ord(character)) for character in TOKEN)
        # A last NUL of the text before may be taken, too.
        assert redacted(f"before, {spelled}, after") == "before, [token], after", spelled


def test_what_is_around_a_token_stays_as_it_is() -> None:
    spelled = json.dumps({"error": f'no "{TOKEN}" here\n', "é": "€"})
    assert json.loads(redacted(spelled)) == {"error": 'no "[token]" here\n', "é": "€"}
    assert json.loads(redacted(spelled.replace("=", "\\u003d"))) == {"error": 'no "[token]" here\n', "é": "€"}


@pytest.mark.parametrize(
    "text",
    [
        *("", "nothing", "100 %", "%zz%4", "a&b=c", "&amp;&lt;&#0;&#99999;&nosuch;", "\\", "C:\\new\\x41", "\0\0"),
        *("\\u12", "é€😀 %C3%A9", TOKEN[:-1], TOKEN[1:], TOKEN.swapcase(), f"{TOKEN[:10]} {TOKEN[10:]}"),
    ],
)
def test_a_text_without_it_is_not_changed(text: str) -> None:
    assert redacted(text) == text
    assert redacted_bytes(text.encode()) == text.encode()


def test_bytes_that_are_no_text_are_not_changed() -> None:
    assert redacted_bytes(bytes(range(256))) == bytes(range(256))


def test_short_tokens_are_not_looked_for() -> None:
    remember("test")
    assert redacted("a test") == "a test"


def test_the_tokens_of_all_clients_are_found_and_of_very_many_the_newest() -> None:
    remember("another-token")
    assert redacted(f"{TOKEN} another-token") == "[token] [token]"
    for number in range(MAX_TOKENS - 1):
        remember(f"token number {number}")
    assert redacted(f"{TOKEN} another-token") == f"{TOKEN} [token]"
    assert len(_redaction._known) == MAX_TOKENS


@pytest.mark.untraced
def test_a_hostile_text_takes_no_long_time() -> None:
    # By the number of steps, so by what it does at all: a quadratic search would not come back from these.
    for text in ("\\" * 10**6, "&" * 10**6, "&amp;" * 2 * 10**5, "%25" * 3 * 10**5, "&#x" + "0" * 10**6, "%4" * 10**5):
        assert redacted(text) == text
