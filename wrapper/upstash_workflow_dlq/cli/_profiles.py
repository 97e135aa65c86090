"""Several queues, from a TOML file. It names the variables that hold the tokens, and never has one in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from ._cells import safe
from ._exits import Exit, Stopped
from ._files import text_of
from ._session import Session

if TYPE_CHECKING:
    from upstash_workflow_dlq import DLQClient

MOST_TEXT = 1_000_000
EXAMPLE = '[[profile]] with name, url or region, and token_env = "NAME_OF_A_VARIABLE"'


class Profile(NamedTuple):
    """One queue. `token_env`: the environment variable that holds its token."""

    name: str
    url: str | None
    region: str | None
    token_env: str

    def client(self, session: Session) -> DLQClient:
        from upstash_workflow_dlq import DLQClient

        token = os.environ.get(self.token_env, "").strip()
        if not token:
            # With small letters, it may be the token itself, typed in the wrong place.
            named = f"the variable {self.token_env}" if self.token_env.isupper() else "the variable of token_env"
            raise Stopped(Exit.CONFIGURATION, f"{named} is not set; it should hold the token")
        options: dict[str, Any] = {} if session.timeout is None else {"timeout": session.timeout}
        return DLQClient(token, base_url=self.url, region=self.region, **options)


def profiles_of(path: str) -> list[Profile]:
    """All of them are checked before anything is sent."""
    import tomllib

    text = text_of(path, "--profiles", takes=f"a TOML file with one or several {EXAMPLE}", most=MOST_TEXT)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Stopped(Exit.USAGE, f"--profiles {safe(path)} is not TOML: {_told(error)}") from None
    entries = document.get("profile")
    if not isinstance(entries, list) or not entries or document.keys() != {"profile"}:
        raise Stopped(Exit.USAGE, f"--profiles {safe(path)} should have one or several {EXAMPLE}, and nothing else")
    found = [_profile(path, number, entry) for number, entry in enumerate(entries, start=1)]
    names = [profile.name for profile in found]
    for name in names:
        if names.count(name) > 1:
            raise Stopped(Exit.USAGE, f"--profiles {safe(path)} has two profiles {name!r}: give each its own name")
    return found


def _profile(path: str, number: int, entry: Any) -> Profile:
    where = f"--profiles {safe(path)}, profile {number}"
    if not isinstance(entry, dict):
        raise Stopped(Exit.USAGE, f"{where} is no table; it should be {EXAMPLE}")
    for name in entry:
        # Whatever it is called: its value is not shown.
        if name not in Profile._fields:
            hint = "a token must not be in the file; " if "token" in name.lower() else ""
            raise Stopped(Exit.USAGE, f"{where} has {safe(name)!r}: {hint}it takes {', '.join(Profile._fields)}")
    for name, value in entry.items():
        if not isinstance(value, str) or not value.strip():
            raise Stopped(Exit.USAGE, f"{where}: {name} should be a text that is not empty")
    if missing := [name for name in ("name", "token_env") if name not in entry]:
        raise Stopped(Exit.USAGE, f"{where} has no {missing[0]}; it should be {EXAMPLE}")
    if ("url" in entry) == ("region" in entry):
        raise Stopped(Exit.USAGE, f"{where} should have either url or region")
    if not entry["token_env"].isidentifier() or len(entry["token_env"]) > 100:
        # Perhaps the token itself, so it is not shown.
        raise Stopped(Exit.USAGE, f"{where}: token_env is the name of an environment variable, such as EU_QSTASH_TOKEN")
    return Profile(entry["name"], entry.get("url"), entry.get("region"), entry["token_env"])


def _told(error: Exception) -> str:
    return safe(str(error)) or type(error).__name__
