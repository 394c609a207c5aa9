"""TLS towards services: who is believed, and what we show of ourselves."""

import ssl
from pathlib import Path

from riskengine.downstream.errors import TlsError


def client_tls(
    *, ca: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """A context for `Http1Connector(tls=...)`: certificates are always checked, names too.

    `ca` holds the authorities that are believed (PEM), the system's if None. `certificate` and
    `key` are shown to services that ask for them; the key may stand in the certificate's file.
    Raises TlsError, which names the file and what is wrong with it.
    """
    context = ssl.create_default_context()
    if ca is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _load_authorities(context, ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if certificate is not None:
        _load_own(context, certificate, key)
    return context


def told(error: OSError) -> str:
    """What went wrong while a connection was opened, in words that say what to look at."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not believed: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    return str(error)


def _load_authorities(context: ssl.SSLContext, ca: Path) -> None:
    try:
        context.load_verify_locations(cafile=ca)
    except ssl.SSLError:
        raise TlsError(f"ca: {ca} must hold certificates in PEM form") from None
    except OSError as error:
        raise TlsError(f"ca: {ca} cannot be read: {error.strerror}") from None


def _load_own(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    for name, path in (("certificate", certificate), ("key", key)):
        if path is not None and not path.is_file():
            raise TlsError(f"{name}: {path} cannot be read: there is no such file")
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsError(f"key: {key or certificate} is not the key of {certificate}") from None
        raise TlsError(
            f"certificate: {certificate} and its key {key or 'in the same file'} must be in PEM "
            "form, the key without a password"
        ) from None
    except OSError as error:
        raise TlsError(f"certificate: {certificate} cannot be read: {error.strerror}") from None


def _no_password() -> str:
    """Instead of asking at the terminal."""
    return ""
