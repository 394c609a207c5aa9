"""Anything at all goes into every decoder, operator and parser, and nothing breaks."""

import json
from pathlib import Path
from typing import get_args
from urllib.parse import quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskengine.errors import OperatorError
from riskengine.seclang.bodies import parse_body, processor_for
from riskengine.seclang.bodies_contract import BodyError, BodyValues
from riskengine.seclang.operators import COMPARISONS, PREPARED, compile_operator
from riskengine.seclang.sqli import detect_sqli
from riskengine.seclang.transforms import TRANSFORMS, Transform
from riskengine.seclang.xss import detect_xss

pytestmark = pytest.mark.slow

EXAMPLES = settings(max_examples=300, deadline=None)
# Noise alone hardly ever opens a comment or an escape, so pieces that do are thrown in.
PIECES = st.sampled_from(
    [
        *(b"%", b"%u", b"%41", b"%u00", b"\\", b"\\u00", b"\\x4", b"&#", b"&#x3c;", b"&lt", b"+"),
        *(b"/*", b"*/", b"--", b"#", b"<!--", b"-->", b"../", b"//", b"\0", b"'", b'"', b"`"),
        *(b"union", b" select ", b" or ", b"1=1", b"(", b")", b";", b"<script", b" onerror=", b">"),
        *(b"\r\n", b"\n", b"--X", b"--X--", b"{", b"}", b"[", b"]", b":", b",", b"<a>", b"</a>"),
        *(b"Content-Disposition: form-data; name=", b"<!DOCTYPE", b"<!ENTITY", b"\xc3", b"\xff"),
    ]
)
VALUES = st.lists(PIECES | st.binary(max_size=12), max_size=12).map(b"".join)
IDEMPOTENT = {
    *("lowercase", "uppercase", "trim", "trimleft", "trimright", "compresswhitespace"),
    *("removewhitespace", "removenulls", "replacenulls", "normalisepath", "normalisepathwin"),
    *("utf8tounicode", "parityeven7bit", "parityodd7bit", "parityzero7bit", "cmdline"),
}


@pytest.mark.parametrize("name", sorted(TRANSFORMS))
@EXAMPLES
@given(value=VALUES)
def test_decoder_takes_anything(name: str, value: bytes) -> None:
    transform: Transform = TRANSFORMS[name]
    result = transform(value)
    assert isinstance(result, bytes)
    assert len(result) <= 4 * len(value) + 32
    if result == value and name not in {"length", "md5", "sha1", "urlencode"}:
        assert transform(result) == value
    if name in IDEMPOTENT and name != "cmdline":
        assert transform(result) == result


@EXAMPLES
@given(value=VALUES)
def test_decoders_in_a_row_take_anything(value: bytes) -> None:
    for name in ("utf8tounicode", "urldecodeuni", "htmlentitydecode", "jsdecode", "cssdecode"):
        value = TRANSFORMS[name](value)
    assert isinstance(value, bytes)


@pytest.mark.parametrize("name", sorted(COMPARISONS))
@EXAMPLES
@given(value=VALUES, argument=VALUES)
def test_comparison_takes_anything(name: str, value: bytes, argument: bytes) -> None:
    match = compile_operator(name, b"", directory=Path()).match_against(value, argument)
    assert match is None or match.text in value + argument


@pytest.mark.parametrize("name", sorted(PREPARED))
@EXAMPLES
@given(argument=VALUES, value=VALUES)
def test_operator_is_compiled_or_refused_by_name(name: str, argument: bytes, value: bytes) -> None:
    refused, match = "", None
    try:
        match = compile_operator(name, argument, directory=Path("/nonexistent")).match(value)
    except OperatorError as error:
        refused = str(error)
    assert not refused or refused.startswith(f"@{name}")
    assert match is None or match.text in value


@pytest.mark.parametrize("detect", [detect_sqli, detect_xss])
@EXAMPLES
@given(value=VALUES)
def test_injection_grammar_takes_anything(detect: Transform, value: bytes) -> None:
    match = detect(value)
    assert match is None or match.text in value  # type: ignore[attr-defined]  # a Match, not bytes


@pytest.mark.parametrize("processor", ["URLENCODED", "MULTIPART", "JSON", "XML", ""])
@EXAMPLES
@given(body=VALUES, content_type=VALUES)
def test_body_parser_takes_anything(processor: str, body: bytes, content_type: bytes) -> None:
    for header in (content_type, b"multipart/form-data; boundary=X"):
        values = parse_body(processor, header, body)
        assert isinstance(values, BodyValues)
        assert values.error in get_args(BodyError)
        assert bool(values.error) == bool(values.detail)
        assert sum(len(name) + len(value) for name, value in values.arguments) <= (
            2 << 20
        ) + 9 * len(body)


@EXAMPLES
@given(content_type=VALUES)
def test_content_type_is_one_of_five(content_type: bytes) -> None:
    assert processor_for(content_type) in {"", "URLENCODED", "MULTIPART", "JSON", "XML"}


@EXAMPLES
@given(pairs=st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=20))
def test_form_that_a_client_encodes_is_read_back(pairs: list[tuple[str, str]]) -> None:
    pairs = [
        (n.encode("utf-8", "replace").decode(), v.encode("utf-8", "replace").decode())
        for n, v in pairs
    ]
    body = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs).encode()
    read = parse_body("URLENCODED", b"", body).arguments
    assert read == tuple((name.encode(), value.encode()) for name, value in pairs)


LEAVES = st.none() | st.booleans() | st.integers() | st.text()
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@EXAMPLES
@given(document=DOCUMENTS)
def test_every_leaf_of_a_json_document_is_seen(document: object) -> None:
    values = parse_body("JSON", b"", json.dumps(document).encode())
    assert values.error == ""
    seen = [value for _, value in values.arguments]
    assert [text(leaf) for leaf in leaves(document)] == seen


def leaves(document: object) -> list[object]:
    if isinstance(document, dict) and document:
        return [leaf for inner in document.values() for leaf in leaves(inner)]
    if isinstance(document, list) and document:
        return [leaf for inner in document for leaf in leaves(inner)]
    return [document]


def text(leaf: object) -> bytes:
    if isinstance(leaf, bool):
        return str(leaf).lower().encode()
    if isinstance(leaf, int | str):
        return str(leaf).encode("utf-8", "surrogatepass")
    return b""


FIELDS = st.lists(
    st.tuples(st.text(alphabet="abc[]_-. ", min_size=1), st.binary(max_size=40)), max_size=8
)


@EXAMPLES
@given(fields=FIELDS)
def test_multipart_form_that_a_client_sends_is_read_back(fields: list[tuple[str, bytes]]) -> None:
    boundary = b"----boundary-0123456789"
    body = b"".join(
        b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % (boundary, name.encode(), value)
        for name, value in fields
    )
    values = parse_body(
        "MULTIPART", b"multipart/form-data; boundary=" + boundary, body + b"--%s--\r\n" % boundary
    )
    assert values.error == ""
    assert values.arguments == tuple((name.encode(), value) for name, value in fields)
