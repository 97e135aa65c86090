"""Proxies and certificates from the environment: read as httpx reads them, and a mistake is named by its variable."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest
from conftest import Connect
from fakes import Wire, page
from pairs import CLIENTS, in_pairs
from upstash_workflow_dlq import ConfigurationError
from upstash_workflow_dlq._net.proxies import environment_proxy
from upstash_workflow_dlq._net.tls import tls_context

EU, US = "https://qstash-eu-central-1.upstash.io", "https://qstash-us-east-1.upstash.io"

URLS = [
    *("https://qstash.upstash.io", "http://qstash.upstash.io", "https://qstash.upstash.io:8443", EU),
    *("https://notupstash.io", "https://upstash.io", "https://upstash.io.example", "https://bücher.example"),
    *("https://10.0.0.5", "https://10.0.0.5:8443", "https://110.0.0.5"),
    *("https://[2001:db8::1]", "https://[2001:db8::1]:8443", "https://[2001:db8::2]"),
]
NO_PROXY = [
    *("", "*", "a,*", "a, upstash.io ,", "qstash.upstash.io", ".upstash.io", "upstash.io", "*.upstash.io"),
    "UPSTASH.IO",
    *("upstash.io:8443", "upstash.io:443", "upstash.io:80", "upstash.io.", "stash.io", "..", ".", ",", "a b"),
    *("https://qstash.upstash.io", "http://qstash.upstash.io", "https://qstash.upstash.io:443", "https://upstash.io"),
    *("all://upstash.io", "all://*upstash.io", "all://*.upstash.io", "ftp://upstash.io", "https://upstash.io/path"),
    *(
        "https://",
        "http://",
        "all://",
        "https://,all://",
        "https://*",
        "http://*",
        "all://*",
        "https://,http://,all://",
    ),
    *("10.0.0.5", "10.0.0.0/8", "10.0.0.5:8443", "10.0.0.5/32", "0.0.5", "2001:db8::1", "localhost"),
    *("https://[2001:db8::1]:8443", "all://[2001:db8::1]", "xn--bcher-kva.example", "bcher-kva.example"),
]
PROXIES = [
    {"HTTPS_PROXY": "http://proxy.example:3128"},
    {"https_proxy": "proxy.example:3128", "HTTPS_PROXY": "http://other.example"},
    {"ALL_PROXY": "http://all.example"},
    {
        "HTTPS_PROXY": "http://proxy.example:3128",
        "ALL_PROXY": "http://all.example",
        "HTTP_PROXY": "http://plain.example",
    },
    {"HTTP_PROXY": "http://plain.example"},
]


def used_by_httpx(url: str) -> str | None:
    """Asked of httpx itself."""
    with httpx.Client() as client:
        pool: Any = client._transport_for_url(httpx.URL(url))._pool  # type: ignore[attr-defined]
    proxy = getattr(pool, "_proxy_url", None)
    return None if proxy is None else f"{proxy.host.decode()}:{proxy.port}"


def used_by_us(url: str) -> str | None:
    proxy = environment_proxy(url)
    return None if proxy is None else f"{proxy.url.raw_host.decode()}:{proxy.url.port}"


@pytest.mark.untraced
@pytest.mark.parametrize("environ", PROXIES, ids=lambda environ: "+".join(environ))
def test_the_proxy_is_the_one_that_httpx_would_use(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    # Its own clients load certificates each time, which takes long and does not matter here.
    monkeypatch.setattr(httpx._transports.default, "create_ssl_context", lambda **_: None)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    seen = set()
    for no_proxy, url in product(NO_PROXY, URLS):
        monkeypatch.setenv("NO_PROXY", no_proxy)
        expected = used_by_httpx(url)
        seen.add(expected is None)
        assert used_by_us(url) == expected, (no_proxy, url)
    assert seen == {True, False}


@pytest.mark.parametrize("url", ["https://[2001:db8::1]", "https://[2001:db8::1]:8443"])
@pytest.mark.parametrize("no_proxy", ["[2001:db8::1]", "a,[2001:db8::1]:8443", "2001:db8::/32,*"])
def test_brackets_and_what_httpx_cannot_read_do_no_harm(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, url: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", f"host:port, bü.de, {no_proxy}")
    goes_direct = no_proxy.count(":8443") <= url.count(":8443")
    assert (environment_proxy(url) is None) == goes_direct


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "127.0.0.1", "127.8.9.10", "[::1]", "[::ffff:127.0.0.1]"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_loopback_is_never_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch, scheme: str, host: str) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://proxy.example")
    assert environment_proxy(f"{scheme}://{host}:8080") is None


def test_requests_go_through_the_proxy_of_the_environment(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    from upstash_workflow_dlq import TransportError

    # A closed port: the connection that fails is the one to the proxy, since the service's name would not resolve.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(TransportError) as caught:
        connect(base_url="https://does-not-resolve.invalid", retry=None).count()
    assert isinstance(caught.value.__cause__, httpx.ConnectError)
    assert "name" not in str(caught.value.__cause__).lower()


@in_pairs(
    {
        "connect": CLIENTS,
        "variable": ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        "proxy": [
            *("ftp://proxy.example", "socks4://proxy.example", "file:///proxy", "http://proxy.example:port", "://x"),
            *(
                "http://",
                "http://:3128",
                "http:// proxy",
                "http://a b:1",
                "http://[::1",
                "http://proxy:0",
                "http://p:99999",
            ),
            "http://user:s3cret@",
        ],
    }
)
def test_a_proxy_that_is_none_is_named_by_its_variable(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, proxy: str, variable: str
) -> None:
    monkeypatch.setenv(variable, proxy)
    with pytest.raises(ConfigurationError, match=f"^{variable} is not the URL of a proxy") as caught:
        connect()
    assert "s3cret" not in str(caught.value)
    assert connect(transport=Wire(page())).count() == 0, "a transport has proxies of its own"


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_a_socks_proxy_without_its_package_says_what_to_install(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://user:s3cret@proxy.example:1080")
    with pytest.raises(
        ConfigurationError, match=r'^ALL_PROXY is a SOCKS proxy.*pip install "httpx\[socks\]"'
    ) as caught:
        connect()
    assert "s3cret" not in str(caught.value)


def test_the_ca_bundle_is_loaded_once_and_only_for_tls() -> None:
    assert tls_context(EU) is tls_context(US)
    assert tls_context(EU).cert_store_stats()["x509_ca"] > 0
    assert tls_context("http://localhost").cert_store_stats()["x509_ca"] == 0


@pytest.mark.parametrize("content", [None, b"", b"no certificate", bytes(range(256)), "a folder"])
def test_a_file_without_certificates_is_named_by_its_variable(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | str | None
) -> None:
    tls_context(EU)  # what an earlier client loaded must not count
    bundle = tmp_path / "bundle.pem"
    if isinstance(content, str):
        bundle.mkdir()
    elif content is not None:
        bundle.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with pytest.raises(
        ConfigurationError, match=r"^SSL_CERT_FILE has no certificates to read: .*bundle\.pem \("
    ) as caught:
        connect()
    assert caught.value.__cause__ is None
    assert connect(base_url="http://localhost:8080"), "plain http verifies nothing"
    assert connect(transport=Wire(page())).count() == 0, "a transport has certificates of its own"
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    assert connect()


@pytest.mark.parametrize(
    ("variable", "complaint"),
    [("SSL_CERT_DIR", "SSL_CERT_DIR is no directory"), ("SSLKEYLOGFILE", "SSLKEYLOGFILE cannot be written")],
)
def test_so_are_the_cousins_of_that_variable(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, complaint: str
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)  # it wins over the folder
    monkeypatch.setenv(variable, str(tmp_path / "nothing" / "here"))
    with pytest.raises(ConfigurationError, match=complaint):
        connect()
    monkeypatch.setenv(variable, f"{tmp_path}/" if variable == "SSL_CERT_DIR" else str(tmp_path / "keys"))
    assert connect()
