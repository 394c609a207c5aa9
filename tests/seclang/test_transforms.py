"""Truth tables of the decoders, for a checkout without the public vectors."""

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.seclang.transforms import TRANSFORMS
from riskengine.seclang.transforms_urls import percent_decoded

CASES = [
    ("base64decode", b"PHNjcmlwdD4=", b"<script>"),
    ("base64decode", b"PHNj!cmlwdD4=", b"<sc"),
    ("base64decode", b"PHNj\r\ncmlwdD4", b"<script>"),
    ("base64decodeext", b"P.HNj!cmlwdD4=", b"<script>"),
    ("base64encode", b"<script>", b"PHNjcmlwdD4="),
    ("cmdline", b'C^md.exe  "/c"; DIR (x)', b"cmd.exe/c dir(x)"),
    ("cmdline", b"c\\a't' /etc", b"cat/etc"),
    ("compresswhitespace", b"a \t\r\n b\x0bc", b"a b c"),
    ("cssdecode", rb"\65 xpression\28", b"expression("),
    ("cssdecode", b"a\\\nb\\", b"ab"),
    ("escapeseqdecode", rb"\x41\101\n\q\xg", b"AA\nq\\xg"),
    ("hexdecode", b"4142", b"AB"),
    ("hexdecode", b"414", b""),
    ("hexencode", b"AB\xff", b"4142ff"),
    ("htmlentitydecode", b"&lt;a&#x20;b&#62;&#0000041&amp;amp;", b"<a b>)&amp;"),
    ("htmlentitydecode", b"java&Tab;script&colon;x&lpar;1&rpar;", b"java\tscript:x(1)"),
    (
        "htmlentitydecode",
        b"&nosuch; &#x110000; &#99999999999;",
        b"&nosuch; &#x110000; &#99999999999;",
    ),
    ("htmlentitydecode", b"&ltscript", b"<script"),
    ("htmlentitydecode", b"&#x20ac;&nbsp;", b"\xe2\x82\xac\xa0"),
    ("jsdecode", rb"\u0061\x61\141\a\u", b"aaa\x07u"),
    ("jsdecode", rb"\uff1cscript\uff1e", b"<script>"),
    ("length", b"abc", b"3"),
    ("lowercase", b"AbC\xc4", b"abc\xc4"),
    ("uppercase", b"AbC\xe4", b"ABC\xe4"),
    ("normalisepath", b"/a/./b/../../../etc//passwd", b"/etc/passwd"),
    ("normalizepathwin", rb"a\..\b\c", b"b/c"),
    ("removecomments", b"a/*b*/c", b"ac"),
    ("removecomments", b"a<!-- b -->c#d", b"ac "),
    ("removecommentschar", b"a/*b*/c--d", b"abcd"),
    ("replacecomments", b"un/**/ion/*", b"un ion "),
    ("removenulls", b"a\0b\0", b"ab"),
    ("replacenulls", b"a\0b", b"a b"),
    ("removewhitespace", b" a \t\x0bb\n", b"ab"),
    ("sqlhexdecode", b"x=0x4142 0xZ", b"x=AB 0xZ"),
    ("trim", b" \ta b\r\n", b"a b"),
    ("trimleft", b" a ", b"a "),
    ("trimright", b" a ", b" a"),
    ("urldecode", b"a+%41%zz%4", b"a A%zz%4"),
    ("urldecode", b"%2541", b"%41"),
    ("urldecodeuni", b"%u0041%U0042%uff1c%u2039%u02b9%u00e9%uzz", b"AB<<'e%uzz"),
    ("urldecodeuni", b"%25u0041", b"%u0041"),
    ("urlencode", b"a b/\xff*", b"a+b%2f%ff*"),
    ("utf8tounicode", b"a\xc3\xa9\xff\xf0\x9f\x98\x80", b"a%u00e9\xff%u1f600"),
]


@pytest.mark.parametrize(("name", "value", "expected"), CASES)
def test_transformation_gives(name: str, value: bytes, expected: bytes) -> None:
    assert TRANSFORMS[name](value) == expected


UNTOUCHED = sorted(
    TRANSFORMS.keys()
    - {"base64decode", "base64decodeext", "base64encode", "hexdecode", "hexencode", "length"}
    - {"md5", "sha1", "uppercase", "urlencode"}
    - {"parityeven7bit", "parityodd7bit", "parityzero7bit"}
)


@pytest.mark.parametrize("name", UNTOUCHED)
def test_value_that_needs_no_change_comes_back_as_the_same_object(name: str) -> None:
    value = b"ordinary.value-1"
    assert TRANSFORMS[name](value) is value


def test_every_table_row_is_about_a_transformation_and_few_are_without_one() -> None:
    digests = {"md5", "sha1", "parityeven7bit", "parityodd7bit", "parityzero7bit"}
    spelled_twice = {"normalizepath", "normalisepathwin"}
    assert TRANSFORMS.keys() - {name for name, _, _ in CASES} == digests | spelled_twice


@given(
    value=st.one_of(
        st.binary(max_size=24),
        st.lists(
            st.sampled_from(
                [
                    b"%41",
                    b"%e4",
                    b"%",
                    b"%4",
                    b"%zz",
                    b"=",
                    b"=41",
                    b"==",
                    b"_",
                    b" ",
                    b"\r\n",
                    b"=",
                ]
            ),
            max_size=8,
        ).map(b"".join),
    )
)
def test_percent_encoding_is_read_as_the_standard_library_reads_it(value: bytes) -> None:
    assert percent_decoded(value) == unquote_to_bytes(value)
