"""New fields, parameters and operations of the spec can be used after regenerating, with no hand on the wrapper.

First as a made-up newer generated client has them. Then all that today's spec has and the wrapper has no name for:
nothing, until the spec changes; `nox -s rehearse` changes it.
"""

from __future__ import annotations

import importlib
import inspect
import math
import re
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import upstash_workflow_rest.api.dlq
from conftest import TOKEN, Connect
from fakes import Wire
from newer import Severity
from openapi import message_properties, operations, parameters
from upstash_workflow_dlq import DLQClient, FailedRun, InvalidResponseError, RunFilters
from upstash_workflow_dlq._core import generated
from upstash_workflow_rest.types import UNSET


@pytest.mark.usefixtures("newer")
class TestANewField:
    def test_is_an_attribute_under_its_generated_name(self) -> None:
        run = FailedRun({"dlqId": "1", "priority": 7, "firstFailedAt": "2026-11-22T03:00:00+00:00"})
        assert run.priority == 7  # type: ignore[attr-defined]
        assert run.first_failed_at == datetime(2026, 11, 22, 3, tzinfo=UTC)  # type: ignore[attr-defined]
        assert {"priority", "first_failed_at", "dlq_id"} <= set(dir(run))

    @pytest.mark.parametrize("payload", [{}, {"priority": None}])
    def test_is_none_where_it_is_absent_or_null(self, payload: dict[str, Any]) -> None:
        assert FailedRun(payload).priority is None  # type: ignore[attr-defined]

    def test_is_not_spoilt_by_another_field(self) -> None:
        run = FailedRun({"dlqId": "1", "priority": 7, "firstFailedAt": "soon"})
        assert run.priority == 7  # type: ignore[attr-defined]
        with pytest.raises(InvalidResponseError, match=r"failed run '1' does not fit .*soon"):
            run.first_failed_at  # type: ignore[attr-defined] # noqa: B018

    def test_is_no_longer_extra(self) -> None:
        run = FailedRun({"dlqId": "1", "priority": 7, "firstFailedAt": "soon", "colour": "red", "Priority": 8})
        assert run.extra == {"colour": "red", "Priority": 8}

    def test_is_named_where_somebody_errs(self) -> None:
        with pytest.raises(AttributeError, match="no attribute 'prioritty'") as caught:
            FailedRun({}).prioritty  # type: ignore[attr-defined] # noqa: B018
        assert (caught.value.name, type(caught.value.obj)) == ("prioritty", FailedRun)

    @pytest.mark.parametrize(("key", "name"), [("1st", "field_1st"), ("_id", "field_id"), ("\u00b5s", "\u03bcs")])
    def test_is_read_although_the_generator_had_to_change_its_name(
        self, monkeypatch: pytest.MonkeyPatch, key: str, name: str
    ) -> None:
        monkeypatch.setattr(generated, "_annotations", lambda: {name: "int | Unset"})
        monkeypatch.setattr(
            generated, "model", lambda payload: SimpleNamespace(additional_properties={}, **{name: payload[key]})
        )
        run = FailedRun({"dlqId": "1", key: 7})
        assert getattr(run, name) == 7
        assert run.extra == {}

    def test_of_a_model_that_requires_others_is_read_all_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def model(payload: dict[str, Any]) -> Any:
            payload = dict(payload)
            tier = payload.pop("tier")
            return SimpleNamespace(tier=tier, priority=payload.pop("priority", UNSET), additional_properties=payload)

        monkeypatch.setattr(generated, "_annotations", lambda: {"tier": "str", "priority": "int | Unset"})
        monkeypatch.setattr(generated, "model", model)
        run: Any = FailedRun({"dlqId": "1", "priority": 7, "header": None, "odd": 1})
        assert (run.priority, run.tier) == (7, None)
        assert run.extra == {"odd": 1}

    @pytest.mark.parametrize(("value", "kind"), [("seven", "str"), (True, "bool"), ([7], "list"), (0.5, "float")])
    def test_of_a_wrong_type_raises_where_it_is_read(self, value: object, kind: str) -> None:
        run: Any = FailedRun({"dlqId": "1", "priority": value})
        with pytest.raises(InvalidResponseError, match=f"priority should be int, but is {kind}"):
            run.priority  # noqa: B018

    def test_spelt_like_a_known_one_stays_in_extra(self) -> None:
        assert FailedRun({"callerIP": "1", "caller_ip": "2"}).extra == {"caller_ip": "2"}

    def test_does_not_shadow_what_is_written_by_hand(self) -> None:
        assert FailedRun({"responseStatus": "odd"}).extra == {}
        with pytest.raises(InvalidResponseError, match="responseStatus of failed run"):
            FailedRun({"responseStatus": "odd"}).response_status  # noqa: B018


@pytest.mark.usefixtures("newer")
class TestANewParameter:
    @pytest.mark.parametrize(
        ("name", "value", "sent"),
        [
            ("min_priority", 3, {"minPriority": ["3"]}),
            ("severity", ["high", Severity.LOW], {"severity": ["high", "low"]}),
            ("severity", "high", {"severity": ["high"]}),
            ("region", "eu", {"region": ["eu"]}),
            ("only_new", True, {"onlyNew": ["true"]}),
            ("failed_after", "2026-11-22T04:00:00+01:00", {"failedAfter": ["2026-11-22T03:00:00+00:00"]}),
            ("score", 1, {"score": ["1.0"]}),
            ("zones", ["a", "b"], {"zones": ["a", "b"]}),
            ("day", "2026-11-22", {"day": ["2026-11-22"]}),
            ("only_open", False, {"onlyOpen": ["false"]}),
        ],
    )
    def test_is_a_filter(self, connect: Connect, name: str, value: object, sent: dict[str, list[str]]) -> None:
        wire = Wire({"messages": []})
        asked: dict[str, Any] = {name: value, "label": "a"}
        assert list(connect(transport=wire).list(**asked)) == []
        [request] = wire.requests
        query = {key: request.url.params.get_list(key) for key in request.url.params}
        assert query == {**sent, "label": ["a"], "count": ["100"]}

    @pytest.mark.parametrize(
        ("name", "value", "complaint"),
        [
            ("min_priority", "3", "min_priority takes an int, not str"),
            ("severity", "worst", "severity is 'worst'; it must be one of high, low"),
            ("severity", [], "severity has no values"),
            ("region", " ", "region is empty"),
            ("only_new", 1, "only_new takes True or False, not int"),
            ("failed_after", datetime(2026, 11, 22), "failed_after 2026-11-22 00:00:00 has no time zone"),
            ("failed_after", 7, "failed_after takes datetime or the text of one, not int"),
            ("score", "1", "score takes a number, not str"),
            ("score", math.nan, "score is nan"),
            ("zones", "a,b", "zones 'a,b' has a comma"),
            ("tenant", "acme", "tenant 'acme' would not be in the query"),
            ("day", datetime(2026, 11, 22), "day takes date"),
            ("shape", {}, "cannot be a filter here"),
            ("limit", "a", "limit takes an int"),
        ],
    )
    def test_is_checked_by_the_signature_of_the_generated_builder(
        self, connect: Connect, name: str, value: object, complaint: str
    ) -> None:
        wire = Wire({"messages": []})
        asked: dict[str, Any] = {name: value}
        with pytest.raises((TypeError, ValueError), match=re.escape(complaint)):
            list(connect(transport=wire).list(**asked))
        assert not wire.requests

    def test_is_named_where_somebody_errs(self, connect: Connect) -> None:
        asked: dict[str, Any] = {"minpriority": 3}
        with pytest.raises(TypeError, match=r"no filter 'minpriority'; did you mean min_priority\? .*, region, "):
            connect(transport=Wire({})).list(**asked)

    def test_alone_is_no_target_of_a_bulk_call_since_it_may_only_sort(self, connect: Connect) -> None:
        wire = Wire({"messages": []})
        client = connect(transport=wire)
        asked: dict[str, Any] = {"min_priority": 3}
        with pytest.raises(ValueError, match="min_priority: new in the spec"):
            client.delete_many(**asked)
        with DLQClient(TOKEN, transport=wire) as sync, pytest.raises(ValueError, match="the whole queue"):
            sync.delete_many(dlq_ids=sync.list(**asked))
        for others in ({"all": True}, {"dlq_ids": "1"}):
            with pytest.raises(ValueError, match="pass exactly one"):
                client.delete_many(**asked, **others)
        assert not wire.requests

    def test_that_bulk_calls_lack_is_settled_by_ids_before(self, connect: Connect) -> None:
        wire = Wire({"messages": [{"dlqId": "1"}]}, {"deleted": 1})
        asked: dict[str, Any] = {"min_priority": 3, "label": "a"}
        assert connect(transport=wire).delete_many(**asked) == 1
        listed, deleted = wire.requests
        assert listed.url.params["minPriority"] == "3"
        assert deleted.url.params.get_list("dlqIds") == ["1"]
        assert "minPriority" not in deleted.url.params

    def test_is_in_the_error_of_a_cursor_that_cannot_go_on(self, connect: Connect) -> None:
        asked: dict[str, Any] = {"min_priority": 3, "label": "a", "cursor": "a"}
        with pytest.raises(ValueError, match=r"a filter that only list\(\) takes"):
            connect(transport=Wire({})).delete_many(**asked)


# What today's spec has.

NEW_FIELDS = {key: field for key, field in message_properties().items() if key not in FailedRun._KNOWN}
NEW_FILTERS = generated.new_filters({*RunFilters.__annotations__, "cursor", "count"})
SAMPLES = {"string": "a", "integer": 7, "number": 0.5, "boolean": True, "object": {}, "array": []}


@pytest.mark.parametrize("key", NEW_FIELDS)
def test_each_new_field_can_be_read(key: str) -> None:
    value = SAMPLES[NEW_FIELDS[key].get("type", "string")]
    [name] = [name for name in generated.new_fields(FailedRun._KNOWN) if generated._letters(name) == key.lower()]
    run = FailedRun({"dlqId": "1", key: value})
    assert getattr(run, name) is not None
    assert run.extra == {}


@pytest.mark.parametrize("name", NEW_FILTERS)
def test_each_new_filter_is_sent(connect: Connect, name: str) -> None:
    samples = ["a", 7, True, 0.5, "2026-11-22T04:00:00+01:00"]
    wire = Wire({"messages": []}, forever=True)
    for sample in samples:
        asked: dict[str, Any] = {name: sample}
        try:
            list(connect(transport=wire).list(**asked))
        except (TypeError, ValueError):
            continue
    known = {parameter["name"] for parameter in parameters("listFailedRuns")}
    sent = {key for request in wire.requests for key in request.url.params}
    assert generated._letters(name) in map(str.lower, sent & known)


@pytest.mark.parametrize("operation_id", operations())
def test_each_operation_is_reached_through_low_level(operation_id: str) -> None:
    module = re.sub(r"(?<!^)(?=[A-Z])", "_", operation_id).lower()
    operation = importlib.import_module(f"{upstash_workflow_rest.api.dlq.__name__}.{module}")
    needed = [
        name
        for name, parameter in inspect.signature(operation.sync_detailed).parameters.items()
        if parameter.default is parameter.empty and name != "client"
    ]
    wire = Wire({} if "200" in operations()[operation_id]["responses"] else 302)
    arguments: dict[str, Any] = dict.fromkeys(needed, "1")
    # {} lacks what a model may require.
    with DLQClient(TOKEN, transport=wire) as client, suppress(KeyError):
        operation.sync_detailed(client=client.low_level, **arguments)
    [request] = wire.requests
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
