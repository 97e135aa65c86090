"""Which certificates are trusted: those of certifi, or what SSL_CERT_FILE or SSL_CERT_DIR name, as in httpx."""

from __future__ import annotations

import functools
import os
import ssl

import httpx

from ..errors import ConfigurationError


def tls_context(base_url: str) -> ssl.SSLContext:
    if httpx.URL(base_url).scheme != "https":
        # Plain http has nothing to verify: this context trusts nobody, and needs no CA bundle.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _ca_context(*map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")))


@functools.lru_cache(maxsize=8)
def _ca_context(cert_file: str | None, cert_dir: str | None, key_log: str | None) -> ssl.SSLContext:
    # Shared by all clients: loading the CA bundle takes about 35 ms.
    if cert_dir and not cert_file and not any(map(os.path.isdir, cert_dir.split(os.pathsep))):
        raise ConfigurationError(f"SSL_CERT_DIR is no directory: {cert_dir}")
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        reason = error.strerror or str(error)
        if key_log and error.filename == key_log:
            raise ConfigurationError(f"SSLKEYLOGFILE cannot be written: {key_log} ({reason})") from None
        if cert_file:
            raise ConfigurationError(f"SSL_CERT_FILE has no certificates to read: {cert_file} ({reason})") from None
        raise
