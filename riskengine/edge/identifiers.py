"""Ids of users, sessions and devices, from what requests carry."""

import hashlib

_ID_MAX = 128


def short_id(text: str) -> str:
    """An id that fits; one that is too long becomes its hash, so that it still tells apart."""
    return text if len(text) <= _ID_MAX else hashed(text)


def hashed(text: str) -> str:
    """A stand-in for a secret, which itself goes nowhere."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def cookie_value(header: str, name: str) -> str:
    """The first cookie of that name."""
    for part in header.replace(",", ";").split(";"):
        found, _, value = part.strip(" \t").partition("=")
        if found == name:
            return value
    return ""
