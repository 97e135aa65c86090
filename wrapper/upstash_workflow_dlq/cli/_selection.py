"""Which runs a command is about: filters of the service, and those on this side. All of them are ANDed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from ._options import ARGUMENTS, NEW_FILTER
from ._session import option_as_typed
from ._times import span_of

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
        from upstash_workflow_dlq import RunFilters

        names = {*RunFilters.__annotations__, *HERE}
        taken = {name: options.pop(name) for name in [*options] if name in names or name.startswith(NEW_FILTER)}
        given = {name: value for name, value in taken.items() if value not in (None, ())}
        for name, value in given.items():
            if any(isinstance(item, str) and not item.strip() for item in _items(value)):
                raise click.UsageError(
                    f"--{_typed(name)} is empty: leave it out to select any", click.get_current_context()
                )
        here = {name: given.pop(name) for name in HERE if name in given}
        new = {
            name.removeprefix(NEW_FILTER): _typed_value(name.removeprefix(NEW_FILTER), given.pop(name))
            for name in [*given]
            if name.startswith(NEW_FILTER)
        }
        return cls({**given, **new}, **here)

    @classmethod
    def as_typed(cls) -> list[str]:
        """The options of this command that are filters, to be typed again."""
        from upstash_workflow_dlq import RunFilters

        ctx = click.get_current_context()
        raw, _, _ = ctx.command.make_parser(ctx).parse_args([*ctx.meta[ARGUMENTS]])
        options = {param.name: param.opts[0] for param in ctx.command.params}
        return [
            option_as_typed(options[name], value)
            for name, values in raw.items()
            if name in {*RunFilters.__annotations__, *HERE} or name.startswith(NEW_FILTER)
            for value in _items(values)
        ]

    @property
    def is_empty(self) -> bool:
        """Whether it may select the whole queue: what is new in the spec may be an order, and no filter."""
        from upstash_workflow_dlq import RunFilters

        return not (self.query.keys() & RunFilters.__annotations__.keys() or self.is_applied_here)

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

    @cached_property
    def matches(self) -> Callable[[FailedRun], bool]:
        """Whether a run of the client's list matches what is applied here."""
        from upstash_workflow_dlq.matching import Matcher

        return Matcher(self._here).matches

    @property
    def filters(self) -> dict[str, Any]:
        """All of them, as an archive takes them."""
        return {**self.query, **self._here}

    @property
    def _here(self) -> dict[str, Any]:
        return {name: value for name in HERE if (value := getattr(self, name))}


def _items(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


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


def _typed_value(name: str, values: tuple[str, ...]) -> Any:
    """The values of a new filter, as the type that the client takes. A lazy list checks them, and sends nothing."""
    from upstash_workflow_dlq import DLQClient

    complaint: Exception | None = None
    with DLQClient("checks-only", base_url="http://127.0.0.1") as client:
        for read in (str, int, float, _truth, _moment):
            try:
                found = [read(value) for value in values]
            except (ValueError, OverflowError):
                continue
            # A filter that takes one value must not lose the others.
            asked: dict[str, Any] = {name: found[0] if len(found) == 1 else found}
            try:
                client.list(**asked)
            except (TypeError, ValueError) as error:
                complaint = complaint or error
            else:
                return asked[name]
    raise click.UsageError(f"--{_typed(name)}: {complaint}", click.get_current_context())


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text] if text in ("true", "false") else _no_value(text)


def _moment(text: str) -> datetime:
    span = span_of(text)
    return _no_value(text) if span is None else datetime.now(UTC) - span


def _no_value(text: str) -> Any:
    raise ValueError(text)
