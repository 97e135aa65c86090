"""Options that several commands share, each defined once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from ._files import FILE
from ._numbers import SECONDS, WHOLE
from ._session import Session
from ._times import EXACTLY, MOMENT, SPAN

F = TypeVar("F", bound=Callable[..., Any])

EVERYWHERE = (
    click.Option(
        ["--token-file"],
        type=FILE,
        metavar="PATH",
        help="Read the token from there (-: stdin) instead of QSTASH_TOKEN.",
    ),
    click.Option(["--region"], metavar="NAME", help="us-east-1 or eu-central-1; each has its own queue."),
    click.Option(["--url"], metavar="URL", help="Base URL, instead of QSTASH_URL."),
    click.Option(
        ["--timeout"],
        type=SECONDS,
        metavar="SECONDS",
        help="For each of connecting, sending, receiving.",
    ),
    click.Option(["--no-color"], is_flag=True, default=None, help="No colours; so does NO_COLOR."),
    click.Option(["--debug"], is_flag=True, default=None, help="Show a traceback if it fails."),
)


def everywhere() -> list[click.Option]:
    """Taken before and after the command's name. After it wins."""
    return [_remembered(option) for option in EVERYWHERE]


def _remembered(option: click.Option) -> click.Option:
    def remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        if value is not None and param.name:
            setattr(ctx.find_object(Session), param.name, value)

    copied = click.Option(
        option.opts, type=option.type, metavar=option.metavar, help=option.help, is_flag=option.is_flag, default=None
    )
    copied.expose_value, copied.callback = False, remember
    return copied


def with_session(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the session as its first argument."""
    return click.pass_obj(function)


class Documented(click.Command):
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples, as they are written."""
        if self.epilog:
            formatter.write_paragraph()
            formatter.write("Examples:\n")
            for line in self.epilog.strip().splitlines():
                formatter.write(f"  {line.strip()}\n")


class Command(Documented):
    """A command of ours, with the options that are taken everywhere."""

    takes_filters = False

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("no_args_is_help", False)
        super().__init__(*args, **options)
        self.params += everywhere()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption:
            # A filter that the spec has gained. To know them takes the generated client, so they are looked up now.
            taken = {name for param in self.params for name in param.opts}
            new = _new_filters(taken) if self.takes_filters else []
            if not new:
                raise
            self.params += new
            self.takes_filters = False
            return super().parse_args(ctx, list(args))


class Group(Documented, click.Group):
    """Commands with a name in common, in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            from difflib import get_close_matches

            names = self.list_commands(ctx)
            like = get_close_matches(args[0], names, n=1)
            hint = f"did you mean {like[0]}?" if like else f"there are {', '.join(names)}"
            raise click.UsageError(f"there is no command {args[0]!r}; {hint}", ctx) from None


# Where what was typed is found in a context's `meta`.
ARGUMENTS = "upstash_workflow_dlq.arguments"


class FilteringCommand(Command):
    takes_filters = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[ARGUMENTS] = tuple(args)
        return super().parse_args(ctx, args)


# Where the values of such a filter are found, apart from the options of ours that may be called alike.
NEW_FILTER = "new_filter_"


def _new_filters(taken: set[str]) -> list[click.Parameter]:
    from upstash_workflow_dlq import RunFilters, filter_names

    names = {f"--{name.replace('_', '-')}": name for name in filter_names() if name not in RunFilters.__annotations__}
    return [
        click.Option([typed, f"{NEW_FILTER}{name}"], multiple=True)
        for typed, name in names.items()
        if typed not in taken
    ]


def options(*given: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator, shown in this order."""

    def decorate(function: F) -> F:
        return functools.reduce(lambda decorated, option: option(decorated), reversed(given), function)

    return decorate


def output(*formats: str) -> Callable[[F], F]:
    return click.option(
        *("-o", "--output", "output"),
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="What goes to stdout.",
    )


retention = click.option(
    "--retention",
    type=SPAN,
    envvar="UPSTASH_DLQ_RETENTION",
    metavar="SPAN",
    help="How long your plan keeps failed runs (3d, 1w, 90d); without it, the earliest possible expiry is shown.",
)

yes = click.option("--yes", is_flag=True, help="Do not ask. Needed where no terminal can answer.")
dry_run = click.option("--dry-run", is_flag=True, help="Show what would be done, and send only reads.")


class Once(click.Option):
    """Given twice, the last would win: `delete --contains a --contains b` would not be what it seems."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "multiple": True})

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        given = super().process_value(ctx, value)
        if len(given) > 1:
            raise click.UsageError(f"{self.opts[0]} is given twice, and takes one value", ctx)
        return given[0] if given else None


filters = options(
    click.option("--label", multiple=True, metavar="LABEL", help="With this label. Repeatable."),
    click.option("--workflow-url", multiple=True, metavar="URL", help="Of this workflow. Repeatable."),
    click.option(
        *("--state", "failure_function_state"),
        multiple=True,
        metavar="STATE",
        help="Failure function in this state, such as CALLBACK_FAIL. Repeatable.",
    ),
    click.option("--caller-ip", multiple=True, metavar="IP", help="Started from this address. Repeatable."),
    click.option("--flow-control-key", multiple=True, metavar="KEY", help="With this flow control key. Repeatable."),
    click.option("--run-id", "workflow_run_id", cls=Once, metavar="ID", help="Of this workflow run."),
    click.option(
        *("--created-at", "workflow_created_at"),
        cls=Once,
        type=EXACTLY,
        metavar="TIME",
        help="Whose workflow run was created exactly then: ISO 8601, or Unix milliseconds.",
    ),
    click.option(
        *("--status", "response_status"),
        type=WHOLE,
        multiple=True,
        metavar="N",
        help="With this HTTP status from the endpoint. Repeatable.",
    ),
    click.option(
        *("--since", "from_date"),
        cls=Once,
        type=MOMENT,
        metavar="TIME",
        help="Failed then or later: an age (90s, 15m, 2h, 3d, 1w), ISO 8601, or Unix milliseconds.",
    ),
    click.option(
        "--until", "to_date", cls=Once, type=MOMENT, metavar="TIME", help="Failed then or earlier; as --since."
    ),
    click.option(
        "--failure", multiple=True, metavar="NAME", help="Failed with this name, such as FetchError. Repeatable."
    ),
    click.option("--contains", cls=Once, metavar="TEXT", help="In the failure's message; case does not matter."),
    click.option("--fingerprint", multiple=True, metavar="ID", help="Of this group of `summary`. Repeatable."),
)

target = options(
    click.argument("dlq_ids", nargs=-1, metavar="[DLQ_ID]..."),
    click.option("--from", "source", type=FILE, metavar="FILE|-", help="Read ids from FILE, one a line; -: stdin."),
    click.option("--all", "everything", is_flag=True, help="The whole queue."),
    filters,
)
