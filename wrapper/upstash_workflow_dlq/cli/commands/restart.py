"""`upstash-dlq restart`."""

from .._acting import command as acting

command = acting(
    "restart",
    "Run failed runs again, each from its first step. Sent at most once.",
    """
    upstash-dlq restart 1752829295505-0
    upstash-dlq restart --workflow-url https://my.app/workflow --dry-run
    """,
)
