"""`upstash-dlq resume`."""

from .._acting import command as acting

command = acting(
    "resume",
    "Run failed runs again, each from the step that failed. Sent at most once.",
    """
    upstash-dlq resume 1752829295505-0
    upstash-dlq resume --failure FetchError --since 2h --dry-run
    upstash-dlq resume --label billing --flow-key provider --rate-limit 60 --period 1m --yes --save left.txt
    upstash-dlq resume --from left.txt --yes
    """,
)
