"""Certificates made in the test, each of its own authority."""

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple


class Certificate(NamedTuple):
    """Two PEM files; the certificate vouches for itself, so it is its own authority."""

    file: Path
    key: Path


def make_certificate(directory: Path, name: str, *, names: str = "IP:127.0.0.1") -> Certificate:
    """A certificate for these names (subjectAltName)."""
    made = Certificate(directory / f"{name}.crt", directory / f"{name}.key")
    request = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    about = ("-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}")
    files = ("-keyout", str(made.key), "-out", str(made.file))
    subprocess.run(["openssl", *request, *about, *files], check=True, capture_output=True)
    return made


def server_context(own: Certificate, *, clients: Certificate | None = None) -> ssl.SSLContext:
    """For a server that shows `own`, and asks for a certificate that `clients` vouches for."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own.file, own.key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients.file)
    return context
