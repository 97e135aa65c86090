"""Where a client is connected to, as it says itself."""

from __future__ import annotations

import pytest
from conftest import TOKEN, Connect


@pytest.mark.parametrize(
    ("base_url", "region"),
    [
        ("https://qstash-us-east-1.upstash.io", "us-east-1"),
        ("https://qstash-eu-central-1.upstash.io", "eu-central-1"),
        ("https://qstash.upstash.io", "eu-central-1"),
        ("http://127.0.0.1:8080/prefix", None),
    ],
)
def test_a_client_says_where_it_connects_to_and_which_region_that_is(
    connect: Connect, base_url: str, region: str | None
) -> None:
    client = connect(TOKEN, base_url=f"{base_url}/")
    client = getattr(client, "wrapped", client)
    assert (client.base_url, client.region) == (base_url, region)
