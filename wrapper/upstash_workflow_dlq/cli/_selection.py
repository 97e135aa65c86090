"""Which runs a command is about: filters of the service, and those on this side. All of them are ANDed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from upstash_workflow_dlq import DLQClient, FailedRun

# The options of `_options.filters` that the client does not know.
HERE = ("failure", "contains", "fingerprint")


@dataclass(frozen=True)
class Selection:
    """`query`: filters of the client. The others are applied here."""

    query: dict[str, Any]
    failure: tuple[str, ...] = ()
    contains: str | None = None
    fingerprint: tuple[str, ...] = ()

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> Selection:
        """Takes the filters out of a command's options. What is empty is an error, never "everything"."""
        from upstash_workflow_dlq import RunFilters, filter_names

        known = set(RunFilters.__annotations__)
        names = known if options.keys() <= {*known, *HERE} else {*known, *filter_names()}
        taken = {name: options.pop(name) for name in [*options] if name in names or name in HERE}
        given = {name: value for name, value in taken.items() if value not in (None, ())}
        for name, value in given.items():
            if any(isinstance(item, str) and not item.strip() for item in _items(value)):
                raise click.UsageError(
                    f"--{_typed(name)} is empty: leave it out to select any", click.get_current_context()
                )
        here = {name: given.pop(name) for name in HERE if name in given}
        new = {name: _typed_value(name, value) for name, value in given.items() if name not in known}
        return cls({**given, **new}, **here)

    @property
    def is_empty(self) -> bool:
        """Whether it selects the whole queue."""
        return not (self.query or self.is_applied_here)

    @property
    def is_applied_here(self) -> bool:
        return bool(self.failure or self.contains or self.fingerprint)

    def runs(self, dlq: DLQClient, *, fast: bool = False, limit: int | None = None) -> Iterator[FailedRun]:
        """In the order of the service; `fast`: in none, read in parallel."""
        if fast:
            found: Iterator[FailedRun] = iter(dlq.scan(**self.query))
        else:
            # A limit of its own asks for no more than is needed.
            own = limit if not self.is_applied_here else None
            found = iter(dlq.list(limit=own, **self.query))
        matching = filter(self.matches, found) if self.is_applied_here else found
        for number, run in enumerate(matching, start=1):
            yield run
            if number == limit:
                return

    def matches(self, run: FailedRun) -> bool:
        from upstash_workflow_dlq import InvalidResponseError

        try:
            name, message = run.failure
        except InvalidResponseError:  # of a type that nobody can compare with
            return False
        if self.failure and name not in self.failure:
            return False
        if self.contains and self.contains.casefold() not in message.casefold():
            return False
        if self.fingerprint:
            from upstash_workflow_dlq.triage import fingerprint

            return fingerprint(run) in self.fingerprint
        return True


def _items(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _typed(name: str) -> str:
    """A filter as it is typed."""
    return {
        "failure_function_state": "state",
        "workflow_run_id": "run-id",
        "workflow_created_at": "created-at",
        "response_status": "status",
        "from_date": "since",
        "to_date": "until",
    }.get(name, name.replace("_", "-"))


def _typed_value(name: str, value: Any) -> Any:
    """A new filter's value, of the type that the client takes. A lazy list checks it and sends nothing."""
    from upstash_workflow_dlq import DLQClient

    readings = [list(_items(value)), *_items(value)[:1]]
    words = {"true": True, "false": False}
    for text in _items(value)[:1]:
        readings += [words[text]] if text in words else []
        readings += [int(text)] if text.lstrip("-").isdecimal() else []
    complaint: Exception = ValueError(f"--{_typed(name)} cannot be read")
    with DLQClient("checks-only", base_url="http://127.0.0.1") as client:
        for reading in readings:
            try:
                client.list(**{name: reading})
            except (TypeError, ValueError) as error:
                complaint = error
            else:
                return reading
    raise click.UsageError(str(complaint), click.get_current_context())
