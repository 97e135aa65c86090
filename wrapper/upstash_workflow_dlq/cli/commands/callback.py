"""`upstash-dlq callback`."""

from __future__ import annotations

import click

from .._asking import confirm, refuse_without_an_answer
from .._cells import many, plain, safe
from .._exits import Exit, Stopped, ended, say
from .._options import Command, output, with_session, yes
from .._output import as_json, emit
from .._session import Session


@click.command(
    "callback",
    short_help="Retry or cancel failure callbacks.",
    cls=Command,
    epilog="""
    upstash-dlq callback retry 1752829295505-0
    upstash-dlq callback cancel 1752829295505-0 --yes
    """,
)
@click.argument("action", type=click.Choice(["retry", "cancel"]))
@click.argument("dlq_ids", nargs=-1, required=True, metavar="DLQ_ID...")
@yes
@output("table", "jsonl")
@with_session
def command(session: Session, action: str, dlq_ids: tuple[str, ...], yes: bool, output: str) -> int:
    """Call the failure function of runs again, or cancel a call that is in progress. Sent at most once."""
    ids = list(dict.fromkeys(dlq_ids))
    refuse_without_an_answer(yes=yes)
    done: list[str] = []
    with session.client() as dlq:
        if not yes:
            where = f"{many(len(ids))} in the queue at {safe(dlq.base_url)}"
            confirm(f"{action.capitalize()} the failure callback of {where}?", count=len(ids), type_the_count=False)
        for dlq_id in ids:
            try:
                started = (dlq.retry_failure_callback if action == "retry" else dlq.cancel_failure_callback)(dlq_id)
            except BaseException as error:
                code = ended(error, debug=session.debug)
                left = [other for other in ids if other not in done]
                verb = "is" if len(done) == 1 else "are"
                say(f"{len(done):,} of {len(ids):,} {verb} done; not done: {' '.join(map(safe, left))}")
                is_partly = done and code == Exit.FAILED
                raise Stopped(Exit.PARTLY if is_partly else code, "") from None
            done.append(dlq_id)
            if output == "jsonl":
                emit(as_json({"dlq_id": dlq_id, **({} if started is None else plain(started))}))
            elif started is None:
                emit(f"canceled the failure callback of {safe(dlq_id)}")
            else:
                emit(f"called the failure function of {safe(dlq_id)} again: {safe(started.workflow_run_id)}")
    return Exit.DONE
