"""Contains all the data models used in inputs/outputs"""

from .deleted_runs import DeletedRuns
from .error import Error
from .failed_runs_page import FailedRunsPage
from .started_run import StartedRun
from .started_runs import StartedRuns
from .workflow_dlq_message import WorkflowDLQMessage
from .workflow_dlq_message_header import WorkflowDLQMessageHeader
from .workflow_dlq_message_response_header import WorkflowDLQMessageResponseHeader

__all__ = (
    "DeletedRuns",
    "Error",
    "FailedRunsPage",
    "StartedRun",
    "StartedRuns",
    "WorkflowDLQMessage",
    "WorkflowDLQMessageHeader",
    "WorkflowDLQMessageResponseHeader",
)
