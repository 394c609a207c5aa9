"""Request bodies of every kind, as named values the way ModSecurity names them."""

import re

from riskengine.seclang.bodies_contract import EMPTY, BodyValues
from riskengine.seclang.bodies_form import parse_form
from riskengine.seclang.bodies_json import parse_json
from riskengine.seclang.bodies_multipart import parse_multipart
from riskengine.seclang.bodies_xml import parse_xml

_JSON = re.compile(rb"application/(?:[a-z0-9.-]{1,64}\+)?json")
_XML = re.compile(rb"(?:application/(?:[a-z0-9.-]{1,64}\+)?|text/)xml")


def processor_for(content_type: bytes) -> str:
    """URLENCODED, MULTIPART, JSON or XML; empty for what has no parser."""
    media = content_type.partition(b";")[0].strip().lower()
    if media == b"application/x-www-form-urlencoded":
        return "URLENCODED"
    if media.startswith(b"multipart/form-data"):
        return "MULTIPART"
    if _JSON.fullmatch(media):
        return "JSON"
    return "XML" if _XML.fullmatch(media) else ""


def parse_body(processor: str, content_type: bytes, body: bytes) -> BodyValues:
    """The values of `body`. Never fails: what is wrong with it stands in `error`.

    Time and memory are linear in the body; the limits of bodies_contract.py cut the rest.
    """
    if not body:
        return EMPTY._replace(processor=processor)
    if processor == "URLENCODED":
        return parse_form(body)
    if processor == "MULTIPART":
        return parse_multipart(content_type, body)
    if processor == "JSON":
        return parse_json(body)
    if processor == "XML":
        return parse_xml(body)
    return EMPTY
