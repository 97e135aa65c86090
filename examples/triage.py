"""The queue is full: see what failed and why, look at one run, delete it, and resume a group of others.

Runs against the emulator. For your own queue, leave the emulator out: `DLQClient()` reads QSTASH_TOKEN and QSTASH_URL
from the environment.
"""

from __future__ import annotations

from collections import Counter

from upstash_workflow_dlq import DLQClient, FailedRun, FlowControl, NotFoundError
from upstash_workflow_dlq.emulator import Emulator

RECORDED = "1752829295505-0"


def main() -> None:
    with Emulator(runs=250) as emulator, DLQClient(emulator.token, base_url=emulator.url) as dlq:
        before = dlq.count()
        title(f"{before} failed runs at {emulator.url}")
        list_by_labels(dlq)
        group(dlq)
        run = dlq.get(RECORDED)
        show(run)
        delete(dlq, run, before)
        resume(dlq, emulator)


def list_by_labels(dlq: DLQClient) -> None:
    runs = dlq.list(label=["billing", "email"])
    title(f'{sum(1 for _ in runs)} of them have the label "billing" or "email". The newest five:')
    for run in dlq.list(label=["billing", "email"], limit=5):
        when = f"{run.created_at:%d %b %H:%M:%S}" if run.created_at else "at an unknown time"
        print(f"  {run.dlq_id}  {when}  {', '.join(run.labels):22}  {run.failure}")


def group(dlq: DLQClient) -> None:
    failures = Counter(run.failure.name for run in dlq.list())
    title("Why runs failed, over the whole queue:")
    most = max(failures.values())
    for name, times in failures.most_common():
        print(f"  {name:34} {times:4}  {'█' * round(40 * times / most)}")


def show(run: FailedRun) -> None:
    title("One run in detail:")
    lines = {
        "dlq_id": run.dlq_id,
        "message_id": run.message_id,
        "workflow_url": run.workflow_url,
        "workflow_run_id": run.workflow_run_id,
        "workflow_created_at": run.workflow_created_at,
        "not_before": run.not_before,
        "caller_ip": run.caller_ip,
        "max_retries": run.max_retries,
        "response_status": run.response_status,
        "response_text": run.response_text,
        "failure": run.failure,
    }
    if run.failure_function:
        lines["failure function"] = f"{run.failure_function.state}, HTTP {run.failure_function.response_status}"
    for name, value in lines.items():
        print(f"  {name:20} {value}")


def delete(dlq: DLQClient, run: FailedRun, before: int) -> None:
    title(f"Not worth another try: delete {run.dlq_id}")
    dlq.delete(run)
    try:
        dlq.get(RECORDED)
    except NotFoundError as error:
        print(f"  gone: {error}")
    print(f"  {before} failed runs before, {dlq.count()} now")


def resume(dlq: DLQClient, emulator: Emulator) -> None:
    would = dlq.resume_many(label="billing", dry_run=True)
    title(f"The payment provider is back. Dry run: would resume {len(would)} billing runs. Now for real, 60 a minute:")
    started = dlq.resume_many(
        dlq_ids=would,
        overrides={"retries": 3, "flow_control": FlowControl("payment-provider", rate=60, period="1m")},
        on_progress=lambda done: print(f"  {done:4} of {len(would)}  {'█' * round(40 * done / len(would))}"),
    )
    print(f"  first {started[0].workflow_run_id}, last {started[-1].workflow_run_id}")
    left = dlq.count(label="billing")
    print(
        f"  {left} billing runs are left, {dlq.count()} in all. The service started {len(emulator.started)}, each once."
    )


def title(text: str) -> None:
    print(f"\n── {text}")


if __name__ == "__main__":
    main()
