"""Responses in JSON."""

from collections.abc import Mapping

from starlette.responses import Response

from ._payloads import encode


def json_response(content: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(content, status, headers, "application/json")


def error_response(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    return json_response(encode({"error": sentence}), status, headers)
