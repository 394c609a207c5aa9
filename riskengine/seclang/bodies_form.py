"""Urlencoded forms and query strings as ModSecurity takes them apart."""

from riskengine.seclang.bodies_contract import ARGUMENTS_MAX, BodyValues, Pair
from riskengine.seclang.transforms_urls import url_decode


def parse_form(body: bytes) -> BodyValues:
    """The arguments of an application/x-www-form-urlencoded body."""
    arguments, complete = form_arguments(body)
    if complete:
        return BodyValues("URLENCODED", arguments)
    return BodyValues(
        "URLENCODED", arguments, error="too_many", detail=f"more than {ARGUMENTS_MAX} arguments"
    )


def form_arguments(data: bytes) -> tuple[tuple[Pair, ...], bool]:
    """Names and values of a form or query string, and whether these are all.

    Split at `&`, decoded once (`+`, `%41`); nothing is dropped but empty pairs. Unlike
    riskengine.query, which reads for people, this keeps bytes as bytes: rules match them.
    """
    pairs = data.split(b"&", ARGUMENTS_MAX)
    complete = len(pairs) <= ARGUMENTS_MAX
    if not complete:
        pairs.pop()
    if b"%" not in data and b"+" not in data:
        return tuple([_split(pair) for pair in pairs if pair]), complete
    return tuple([_decoded(pair) for pair in pairs if pair]), complete


def _split(pair: bytes) -> Pair:
    name, _, value = pair.partition(b"=")
    return name, value


def _decoded(pair: bytes) -> Pair:
    name, _, value = pair.partition(b"=")
    return url_decode(name), url_decode(value)
