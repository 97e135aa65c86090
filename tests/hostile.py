"""Payloads of somebody who wants a page that shows them to do something."""

from __future__ import annotations

import json
from typing import Any

HOSTILE = (
    "<img src=x onerror=alert(1)>\u202e\x1b]0;x\x07\u2028</script><script>alert(1)</script><!--<script>"
    "\"'>&lt;{{ 7*7 }}{% raw %}</title></style><svg onload=alert(2)>\x00\ud800</pre><iframe src=javascript:alert(3)>"
    '<base href="http://evil.example/"><link rel=stylesheet href=//evil.example><meta http-equiv=refresh content=0>'
)


def hostile_runs() -> list[dict[str, Any]]:
    """Each field that a page may show, and each key that it may be shown by."""
    error = json.dumps({"error": "E", "message": HOSTILE, "stack": HOSTILE})
    step = {"stepId": 1, "stepName": HOSTILE, "stepType": HOSTILE, "out": json.dumps(HOSTILE)}
    return [
        {
            "dlqId": f"1752829295505-{number}",
            **dict.fromkeys(("workflowUrl", "url", "method", "callerIP", "flowControlKey", "failureCallback"), HOSTILE),
            "workflowRunId": HOSTILE,
            "labels": [HOSTILE, "__proto__", "constructor"],
            "responseStatus": 500,
            "responseBody": body,
            "body": given,
            "failureCallbackInfo": {"state": HOSTILE, "responseBody": HOSTILE},
        }
        for number, (body, given) in enumerate([(HOSTILE, json.dumps(step)), (error, HOSTILE)])
    ]
