"""`upstash-dlq delete`."""

from .._acting import command as acting

command = acting(
    "delete",
    "Delete failed runs for good.",
    """
    upstash-dlq delete 1752829295505-0
    upstash-dlq delete --until 30d --dry-run
    upstash-dlq delete --failure ValidationError --archive failed.db --yes
    """,
)
