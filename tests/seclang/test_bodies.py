"""Bodies become named values, and nothing in them gets lost or out of hand."""

import json

import pytest

from riskengine.seclang.bodies import parse_body, processor_for
from riskengine.seclang.bodies_contract import ARGUMENTS_MAX, DEPTH_MAX, BodyValues

FORM_DATA = b"multipart/form-data; boundary=XX"


def multipart(*parts: bytes, end: bytes = b"--XX--\r\n") -> bytes:
    return b"".join(b"--XX\r\n" + part + b"\r\n" for part in parts) + end


def read(body: bytes, content_type: bytes = FORM_DATA) -> BodyValues:
    return parse_body(processor_for(content_type), content_type, body)


FIELD = b'Content-Disposition: form-data; name="a"\r\n\r\n1'
FILE = (
    b'Content-Disposition: form-data; name="f"; filename="x.php"\r\nContent-Type: text/x\r\n\r\nabc'
)


@pytest.mark.parametrize(
    ("content_type", "processor"),
    [
        (b"application/x-www-form-urlencoded; charset=utf-8", "URLENCODED"),
        (b"multipart/form-data; boundary=x", "MULTIPART"),
        (b"application/json", "JSON"),
        (b"Application/VND.api+JSON", "JSON"),
        (b"text/xml", "XML"),
        (b"application/soap+xml", "XML"),
        (b"text/plain", ""),
        (b"", ""),
    ],
)
def test_content_type_chooses_the_parser(content_type: bytes, processor: str) -> None:
    assert processor_for(content_type) == processor


class TestForm:
    def test_names_and_values_are_decoded_once_in_order(self) -> None:
        values = parse_body("URLENCODED", b"", b"a=1&b+c=%2541&&a=x=y&d")
        assert values.arguments == ((b"a", b"1"), (b"b c", b"%41"), (b"a", b"x=y"), (b"d", b""))
        assert values.error == ""

    def test_one_argument_more_than_the_limit_is_named(self) -> None:
        assert parse_body("URLENCODED", b"", b"a=1&" * (ARGUMENTS_MAX - 1) + b"a=1").error == ""
        values = parse_body("URLENCODED", b"", b"a=1&" * 10_000)
        assert (len(values.arguments), values.error) == (ARGUMENTS_MAX, "too_many")


class TestJson:
    def test_leaves_are_named_by_their_way(self) -> None:
        body = b'{"u": {"n": "x"}, "i": [1, {"k": true}], "z": null, "e": {}}'
        assert parse_body("JSON", b"", body).arguments == (
            (b"json.u.n", b"x"),
            (b"json.i.array_0", b"1"),
            (b"json.i.array_1.k", b"true"),
            (b"json.z", b""),
            (b"json.e", b""),
        )

    def test_both_values_of_a_repeated_name_are_seen(self) -> None:
        values = parse_body("JSON", b"", b'{"a": "<script>", "a": "ok"}')
        assert values.arguments == ((b"json.a", b"<script>"), (b"json.a", b"ok"))

    def test_numbers_keep_their_text(self) -> None:
        values = parse_body("JSON", b"", b'{"a": 1e999, "b": ' + b"9" * 5000 + b"}")
        assert values.arguments == ((b"json.a", b"1e999"), (b"json.b", b"9" * 5000))

    @pytest.mark.parametrize("body", [b'{"a": "<script>"', b"NaN", b'{"a": \xff}', b"\xff"])
    def test_text_that_is_not_json_is_one_argument(self, body: bytes) -> None:
        values = parse_body("JSON", b"", body)
        assert (values.arguments, values.error) == (((b"json", body),), "malformed")

    @pytest.mark.parametrize("depth", [DEPTH_MAX + 1, 1_000, 100_000])
    @pytest.mark.parametrize(("opened", "closed"), [(b"[", b"]"), (b'{"a":', b"}")])
    def test_deep_nesting_is_named(self, depth: int, opened: bytes, closed: bytes) -> None:
        values = parse_body("JSON", b"", opened * depth + b"1" + closed * depth)
        assert values.error == "too_deep"

    def test_nesting_up_to_the_limit_is_read(self) -> None:
        values = parse_body("JSON", b"", b"[" * DEPTH_MAX + b"1" + b"]" * DEPTH_MAX)
        assert (values.error, values.arguments[0][1]) == ("", b"1")

    def test_long_name_above_many_leaves_does_not_multiply_the_body(self) -> None:
        body = json.dumps({"k" * 50_000: [0] * 900}).encode()
        values = parse_body("JSON", b"", body)
        assert values.error == "too_long"
        assert sum(len(name) for name, _ in values.arguments) < 9 * len(body) + (1 << 20)

    def test_bytes_that_are_not_utf8_survive(self) -> None:
        assert parse_body("JSON", b"", b'["\xff"]').arguments == ((b"json.array_0", b"\xff"),)


class TestXml:
    def test_text_and_attributes_are_read(self) -> None:
        values = parse_body("XML", b"", b'<a x="1"><b y="&lt;">t</b>u</a>')
        assert (values.xml_text, values.xml_attributes) == (b"tu", (b"1", b"<"))

    @pytest.mark.parametrize(
        "subset",
        [
            b'<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">',
            b'<!ENTITY x SYSTEM "file:///etc/passwd">',
            b'<!ENTITY % p SYSTEM "http://203.0.113.1/x">',
        ],
    )
    def test_document_that_declares_an_entity_is_not_read(self, subset: bytes) -> None:
        body = b"<!DOCTYPE r [" + subset + b"]><r>&a;</r>"
        values = parse_body("XML", b"", body)
        assert (values.error, values.xml_text) == ("entities", body)

    def test_plain_document_type_is_harmless(self) -> None:
        assert parse_body("XML", b"", b"<!DOCTYPE r><r>t</r>").xml_text == b"t"

    def test_unreadable_document_is_inspected_as_it_stands(self) -> None:
        values = parse_body("XML", b"", b"<a>1 or 1=1")
        assert (values.error, values.xml_text) == ("malformed", b"<a>1 or 1=1")

    def test_limits_are_named(self) -> None:
        assert parse_body("XML", b"", b"<a>" * 1_000).error == "too_deep"
        many = b"<r>" + b'<a x="1"/>' * 1_001 + b"</r>"
        assert parse_body("XML", b"", many).error == "too_many"

    def test_unknown_encoding_is_named(self) -> None:
        values = parse_body("XML", b"", b'<?xml version="1.0" encoding="x-nothing"?><a/>')
        assert values.error in ("encoding", "malformed")


class TestMultipart:
    def test_fields_files_and_part_headers_are_read(self) -> None:
        values = read(multipart(FIELD, FILE))
        assert values.arguments == ((b"a", b"1"),)
        assert values.files == ((b"f", b"x.php"),)
        assert values.file_sizes == (3,)
        assert (b"f", b"Content-Type: text/x") in values.part_headers
        assert (values.flags, values.error) == (frozenset(), "")

    @pytest.mark.parametrize(
        ("content_type", "body", "flag"),
        [
            (b'multipart/form-data; boundary="XX"', multipart(FIELD), "BOUNDARY_QUOTED"),
            (b"multipart/form-data; boundary= XX", multipart(FIELD), "BOUNDARY_WHITESPACE"),
            (b"multipart/form-data boundary=XX", multipart(FIELD), "MISSING_SEMICOLON"),
            (FORM_DATA, b"junk\r\n" + multipart(FIELD), "DATA_BEFORE"),
            (FORM_DATA, multipart(FIELD) + b"junk", "DATA_AFTER"),
            (FORM_DATA, multipart(FIELD).replace(b"\r\n", b"\n"), "LF_LINE"),
            (FORM_DATA, multipart(FIELD.replace(b"; n", b";\r\n n")), "HEADER_FOLDING"),
            (FORM_DATA, multipart(b"nothing"), "INVALID_PART"),
            (FORM_DATA, multipart(FIELD.replace(b'"', b"'")), "INVALID_QUOTING"),
            (FORM_DATA, multipart(FIELD + b"\r\n--XY"), "UNMATCHED_BOUNDARY"),
        ],
    )
    def test_oddity_has_a_flag(self, content_type: bytes, body: bytes, flag: str) -> None:
        flags = read(body, content_type).flags
        assert f"MULTIPART_{flag}" in flags
        assert "MULTIPART_STRICT_ERROR" in flags

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            (b"multipart/form-data", multipart(FIELD)),
            (b"multipart/form-data; boundary=XX; boundary=YY", multipart(FIELD)),
            (b"multipart/form-data; boundary=" + b"X" * 71, multipart(FIELD)),
            (FORM_DATA, multipart(FIELD, end=b"")),
            (FORM_DATA, multipart(b"Content-Type: text/plain\r\n\r\nx")),
        ],
    )
    def test_body_that_two_readers_may_read_apart_is_inspected_whole(
        self, content_type: bytes, body: bytes
    ) -> None:
        values = read(body, content_type)
        assert values.error == "malformed"
        assert values.arguments[-1] == (b"multipart", body)

    def test_too_many_parts_are_named(self) -> None:
        values = read(multipart(*[FIELD] * 1_500))
        assert values.error == "too_many"
        assert len(values.arguments) == ARGUMENTS_MAX + 1

    def test_backslash_in_an_old_file_name_stays(self) -> None:
        part = FILE.replace(b"x.php", rb"C:\temp\a\"b")
        assert read(multipart(part)).files == ((b"f", rb'C:\temp\a"b'),)
