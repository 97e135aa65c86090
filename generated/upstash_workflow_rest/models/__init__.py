"""Contains all the data models used in inputs/outputs"""

from .error import Error
from .failed_runs_page import FailedRunsPage
from .workflow_dlq_message import WorkflowDLQMessage
from .workflow_dlq_message_header import WorkflowDLQMessageHeader
from .workflow_dlq_message_response_header import WorkflowDLQMessageResponseHeader

__all__ = (
    "Error",
    "FailedRunsPage",
    "WorkflowDLQMessage",
    "WorkflowDLQMessageHeader",
    "WorkflowDLQMessageResponseHeader",
)
