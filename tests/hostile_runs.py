"""Runs that nobody expects."""

from __future__ import annotations

import json

from upstash_workflow_dlq import FailedRun

LONG = "x" * 5_000

PAYLOADS: list[bytes] = [
    b'{"dlqId": "1790000000000-1", "label": "\\ud800", "responseBody": "{\\"error\\": \\"\\\\ud800\\"}"}',
    b'{ "dlqId" : "1790000000001-1",\n\t"body": "spaced",\r\n "x": [1,  2.50, 1e3] }',
    json.dumps({"dlqId": "1790000000002-1", "responseBody": json.dumps({"error": "E", "message": LONG})}).encode(),
    b'{"dlqId": "1790000000003-1", "workflowUrl": "https://a.example/\\u0000", "callerIP": "\\u0000"}',
    b'{"dlqId": "1790000000004-1", "responseStatus": 1180591620717411303424}',
    b'{"dlqId": "1790000000005-1", "responseStatus": "500", "labels": {}, "workflowUrl": 7, "createdAt": "x"}',
    b'{"dlqId": "no time", "createdAt": -5, "responseStatus": 0}',
    b'{"dlqId": "1790000000006-1", "createdAt": 253402300799999, "responseBody": 5}',
    b'{"dlqId": 7, "workflowUrl": "https://a.example/without-an-id"}',
    b'{"workflowUrl": "https://a.example/without-an-id"}',
    b'{"dlqId": ""}',
    '{"dlqId": "1790000000007-1", "labels": ["=1+1", "é", "a,b"], "label": "\u202e", "n": "\u2028"}'.encode(),
    b'{"dlqId": "1790000000007-10", "labels": ["a", "a"]}',
    b'{"dlqId": "1790000000007-9", "a": 1, "a": 2}',
]

RUNS = [FailedRun.from_json(payload) for payload in PAYLOADS]
