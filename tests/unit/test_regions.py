"""Which token goes to which URL: arguments win over the environment, where URL and token are a pair."""

from __future__ import annotations

from itertools import product
from typing import Any

import httpx
import pytest
from fakes import Wire, page
from upstash_workflow_dlq import ConfigurationError, DLQClient

EU, US = "https://qstash-eu-central-1.upstash.io", "https://qstash-us-east-1.upstash.io"
ALL_64 = list(product([False, True], repeat=6))


def resolved(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], **arguments: Any) -> tuple[str, str]:
    """The base URL and the token that a request really uses."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    wire = Wire(page())
    with DLQClient(transport=wire, **arguments) as client:
        client.count()
    url = wire.requests[0].url
    return f"{url.scheme}://{url.netloc.decode()}", wire.requests[0].headers["Authorization"].removeprefix("Bearer ")


@pytest.mark.parametrize(
    ("environ", "arguments", "expected"),
    [
        ({"QSTASH_TOKEN": "t"}, {}, ("https://qstash.upstash.io", "t")),
        ({"QSTASH_TOKEN": "t", "QSTASH_URL": EU}, {}, (EU, "t")),
        ({"QSTASH_TOKEN": " t\n", "QSTASH_URL": f" {EU} "}, {}, (EU, "t")),
        ({"QSTASH_TOKEN": "t", "QSTASH_URL": ""}, {}, ("https://qstash.upstash.io", "t")),
        ({"QSTASH_TOKEN": "t", "QSTASH_URL": EU}, {"token": "a", "base_url": US}, (US, "a")),
        ({"QSTASH_TOKEN": "t"}, {"region": "eu-central-1"}, (EU, "t")),
        ({"QSTASH_TOKEN": "t", "QSTASH_URL": US}, {"region": "us-east-1"}, (US, "t")),
        ({"QSTASH_TOKEN": "t", "QSTASH_URL": US}, {"region": "EU_CENTRAL_1", "token": "a"}, (EU, "a")),
        ({"QSTASH_TOKEN": "t", "EU_CENTRAL_1_QSTASH_TOKEN": "eu"}, {"region": "eu-central-1"}, (EU, "eu")),
        (
            {"EU_CENTRAL_1_QSTASH_TOKEN": "eu", "EU_CENTRAL_1_QSTASH_URL": "https://eu.example"},
            {"region": "eu-central-1"},
            ("https://eu.example", "eu"),
        ),
        ({"EU_CENTRAL_1_QSTASH_TOKEN": "eu"}, {"region": "eu-central-1", "token": "a", "base_url": US}, (US, "a")),
        (
            {"EU_CENTRAL_1_QSTASH_URL": "https://eu.example", "QSTASH_TOKEN": "t", "QSTASH_URL": US},
            {"region": "eu-central-1", "token": "a"},
            ("https://eu.example", "a"),
        ),
        ({"QSTASH_REGION": "US_EAST_1"}, {"token": "a"}, (US, "a")),
        ({"QSTASH_REGION": "US_EAST_1", "QSTASH_URL": "https://x.example"}, {"token": "a"}, ("https://x.example", "a")),
        (
            {"QSTASH_REGION": "us-east-1", "QSTASH_URL": EU, "US_EAST_1_QSTASH_URL": "https://us.example"},
            {"token": "a"},
            ("https://us.example", "a"),
        ),
        ({"QSTASH_TOKEN": "t", "QSTASH_URL": EU}, {"base_url": "https://x.example"}, ("https://x.example", "t")),
        ({"QSTASH_TOKEN": "t"}, {"base_url": US}, (US, "t")),
        (
            {"QSTASH_REGION": "US_EAST_1", "US_EAST_1_QSTASH_TOKEN": "us", "QSTASH_TOKEN": "t"},
            {"base_url": "https://x.example"},
            ("https://x.example", "us"),
        ),
        (
            {"QSTASH_REGION": "US_EAST_1", "US_EAST_1_QSTASH_TOKEN": "us", "QSTASH_TOKEN": "t"},
            {"base_url": EU},
            (EU, "t"),
        ),
        ({"QSTASH_REGION": "US_EAST_1", "EU_CENTRAL_1_QSTASH_TOKEN": "eu"}, {"region": "eu-central-1"}, (EU, "eu")),
        ({"QSTASH_REGION": "MARS_1"}, {"token": "a", "base_url": US}, (US, "a")),
        ({}, {"token": "a", "base_url": "HTTPS://Upper.Example/"}, ("https://upper.example", "a")),
        ({}, {"token": "a", "base_url": httpx.URL(EU)}, (EU, "a")),
    ],
)
def test_arguments_win_over_the_region_and_the_region_over_the_rest(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], arguments: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert resolved(monkeypatch, environ, **arguments) == expected


# Written from the vendor's rule, and not from the code. The six variables: the pair of the region that QSTASH_REGION
# names, the default pair, and the pair of the other region, which must not matter. Each is set to what belongs to it.
OF_THE_REGION = ("US_EAST_1_QSTASH_URL", US), ("US_EAST_1_QSTASH_TOKEN", "us")
DEFAULT = ("QSTASH_URL", "https://qstash.upstash.io"), ("QSTASH_TOKEN", "default")
OF_THE_OTHER = ("EU_CENTRAL_1_QSTASH_URL", EU), ("EU_CENTRAL_1_QSTASH_TOKEN", "eu")
US_PAIR, DEFAULT_PAIR = (US, "us"), ("https://qstash.upstash.io", "default")
PAIRS: dict[str, tuple[str, str] | None] = {
    # the region's URL, the region's token, QSTASH_URL, QSTASH_TOKEN
    "-- --": None,
    "-- -t": DEFAULT_PAIR,
    "-- u-": None,
    "-- ut": DEFAULT_PAIR,
    "-t --": None,
    "-t -t": DEFAULT_PAIR,
    "-t u-": None,
    "-t ut": DEFAULT_PAIR,
    "u- --": None,
    "u- -t": DEFAULT_PAIR,
    "u- u-": None,
    "u- ut": DEFAULT_PAIR,
    "ut --": US_PAIR,
    "ut -t": US_PAIR,
    "ut u-": US_PAIR,
    "ut ut": US_PAIR,
}


@pytest.mark.parametrize("other", ["--", "-t", "u-", "ut"])
@pytest.mark.parametrize("are_set", PAIRS)
def test_a_url_and_a_token_from_the_environment_are_a_pair(
    monkeypatch: pytest.MonkeyPatch, are_set: str, other: str
) -> None:
    environ = {"QSTASH_REGION": "US_EAST_1"}
    for (name, value), mark in zip(
        (*OF_THE_REGION, *DEFAULT, *OF_THE_OTHER), are_set.replace(" ", "") + other, strict=True
    ):
        if mark != "-":
            environ[name] = value
    expected = PAIRS[are_set]
    if expected is not None:
        assert resolved(monkeypatch, environ) == expected
        return
    with pytest.raises(ConfigurationError, match="US_EAST_1_QSTASH_TOKEN"):
        resolved(monkeypatch, environ)


@pytest.mark.parametrize("are_set", ALL_64)
def test_without_a_region_only_the_default_pair_counts(
    monkeypatch: pytest.MonkeyPatch, are_set: tuple[bool, ...]
) -> None:
    variables = (*DEFAULT, *OF_THE_REGION, *OF_THE_OTHER)
    environ = {name: value for (name, value), is_set in zip(variables, are_set, strict=True) if is_set}
    if "QSTASH_TOKEN" in environ:
        assert resolved(monkeypatch, environ) == DEFAULT_PAIR
        return
    with pytest.raises(ConfigurationError, match="set QSTASH_TOKEN"):
        resolved(monkeypatch, environ)


@pytest.mark.parametrize("arguments", [{}, {"region": "us-east-1"}, {"region": "eu-central-1"}, {"base_url": US}])
@pytest.mark.parametrize("region", ["", "US_EAST_1", "EU_CENTRAL_1"])
def test_a_token_never_reaches_a_host_of_another_region(
    monkeypatch: pytest.MonkeyPatch, region: str, arguments: dict[str, Any]
) -> None:
    variables = (*DEFAULT, *OF_THE_REGION, *OF_THE_OTHER)
    went = 0
    for are_set in ALL_64:
        environ = {name: value for (name, value), is_set in zip(variables, are_set, strict=True) if is_set}
        try:
            with monkeypatch.context() as patch:
                url, token = resolved(patch, environ | {"QSTASH_REGION": region}, **arguments)
        except ConfigurationError:
            continue
        went += 1
        if token == "us":
            assert url == US, environ
        elif token == "eu" or "QSTASH_URL" in environ or arguments != {"base_url": US}:
            assert url in {EU, "https://qstash.upstash.io"}, environ
        else:
            assert url == US, f"the caller says so, and nobody says where QSTASH_TOKEN is from: {environ}"
        if "region" in arguments:
            assert (url == US) == (arguments["region"] == "us-east-1"), f"the argument wins: {environ}"
    assert went, "some of these are complete"


@pytest.mark.parametrize(
    ("environ", "arguments", "complaint"),
    [
        ({"QSTASH_TOKEN": "t"}, {"region": "us-east-1"}, "no token for us-east-1: .* with a QSTASH_URL of us-east-1"),
        ({"QSTASH_TOKEN": "t", "QSTASH_URL": US}, {"region": "eu-central-1"}, "no token for eu-central-1"),
        ({"QSTASH_TOKEN": "t", "QSTASH_URL": "http://localhost:8080"}, {"region": "us-east-1"}, "no token for"),
        (
            {"QSTASH_TOKEN": "t", "QSTASH_URL": EU},
            {"base_url": US},
            "the token is for eu-central-1, and base_url is a host of us-east-1",
        ),
        (
            {"QSTASH_REGION": "US_EAST_1", "US_EAST_1_QSTASH_TOKEN": "us", "US_EAST_1_QSTASH_URL": EU},
            {},
            "the token is for us-east-1, and US_EAST_1_QSTASH_URL is a host of eu-central-1",
        ),
        ({"US_EAST_1_QSTASH_TOKEN": "us"}, {"region": "us-east-1", "base_url": f"{EU.upper()}./"}, "the token is for"),
    ],
)
def test_a_token_that_belongs_elsewhere_is_refused_and_the_variables_are_named(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], arguments: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        resolved(monkeypatch, environ, **arguments)
