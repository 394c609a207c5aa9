import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.normalize import ODDITIES, PATH_MAX, normalize_path

SPELLINGS = [
    # raw, path, oddities
    ("/", "/", ""),
    ("/products/12", "/products/12", ""),
    ("/Products/12", "/Products/12", ""),
    ("/products/12/", "/products/12", ""),
    ("/caf%C3%A9", "/café", ""),
    ("/a%20b", "/a b", ""),
    ("/100%25", "/100%", ""),
    ("*", "*", ""),
    ("//products///12", "/products/12", "empty_segment"),
    ("//", "/", "empty_segment"),
    ("/a/./b/../c", "/a/c", "dot_segment"),
    ("/a/..", "/", "dot_segment"),
    ("/a//../b", "/b", "dot_segment empty_segment"),
    ("/../etc/passwd", "/etc/passwd", "above_root dot_segment"),
    ("/%2e%2e/x", "/x", "above_root dot_segment"),
    ("/a%2f..%2Fb", "/b", "dot_segment encoded_slash"),
    ("/a%5c..%5cb", "/b", "backslash dot_segment"),
    ("\\a\\b", "/a/b", "backslash"),
    ("/cart;jsessionid=1/items;x", "/cart/items", "path_parameter"),
    ("/..;/admin", "/admin", "above_root dot_segment path_parameter"),
    ("/%252e%252e/x", "/x", "above_root dot_segment double_encoding"),
    ("/%25252e", "/", "dot_segment double_encoding"),
    ("/a%2525252541", "/a%2541", "deep_encoding double_encoding"),
    ("/%c0%ae%c0%ae/x", "/x", "above_root dot_segment overlong_utf8"),
    ("/%e0%80%afx", "/x", "empty_segment overlong_utf8"),
    ("/%f0%80%80%afx", "/x", "empty_segment overlong_utf8"),
    ("/%c1%81", "/A", "overlong_utf8"),
    ("/caf%E9", "/café", "invalid_utf8"),
    ("/%u0041b", "/Ab", "iis_encoding"),
    ("/%uD800", "/í\xa0\x80", "iis_encoding invalid_utf8"),
    ("/100%", "/100%", "malformed_encoding"),
    ("/%zz/%4", "/%zz/%4", "malformed_encoding"),
    ("/%u12", "/%u12", "malformed_encoding"),
    ("/%4%31", "/A", "double_encoding malformed_encoding"),
    ("/a%00.jpg", "/a\x00.jpg", "nul"),
    ("/a%0d%0ab", "/a\r\nb", "control_character"),
    ("/a\x7f", "/a\x7f", "control_character"),
    ("/café", "/café", "non_ascii"),
    ("/\ud800", "/í\xa0\x80", "invalid_utf8 non_ascii"),
    ("/a#b", "/a#b", "fragment"),
    ("http://shop.example/cart", "/cart", "absolute_form"),
    ("HTTPS://shop.example", "/", "absolute_form"),
    ("cart", "/cart", "no_leading_slash"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "path", "oddities"), SPELLINGS)
def test_path_has_one_normal_form_and_its_oddities_are_named(
    raw: str, path: str, oddities: str
) -> None:
    normal = normalize_path(raw)
    assert (normal.raw, normal.path, normal.key) == (raw, path, path.lower())
    assert normal.oddities == frozenset(oddities.split())


def test_every_oddity_has_a_spelling_above_and_every_name_is_listed() -> None:
    seen = {name for _, _, oddities in SPELLINGS for name in oddities.split()} | {"too_long"}
    assert seen == set(ODDITIES)


pieces = [*"/%.;\\2eEfFcCu05aA#\x00 é\udc80", "%2f", "../", "%25", "%u002f", "%c0%ae"]
hostile = st.lists(st.sampled_from(pieces)).map("".join)
anything = st.one_of(st.text(), hostile)


@given(anything)
def test_normalising_twice_changes_nothing(raw: str) -> None:
    normal = normalize_path("/" + raw)
    if "deep_encoding" not in normal.oddities:
        assert normalize_path(normal.path).path == normal.path
        assert normalize_path(normal.key).key == normal.key


@given(anything)
def test_normal_path_begins_with_a_slash_and_has_nothing_left_to_resolve(raw: str) -> None:
    normal = normalize_path("/" + raw)
    segments = normal.path.split("/")
    assert segments[0] == ""
    assert normal.path == "/" or not {"", ".", ".."} & set(segments[1:])
    assert "\\" not in normal.path
    assert ";" not in normal.path
    assert normal.oddities <= set(ODDITIES)


plain_paths = st.lists(
    st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1), min_size=1, max_size=5
)


@given(plain_paths, st.data())
def test_two_spellings_of_one_path_have_one_key(segments: list[str], data: st.DataObject) -> None:
    disguises = [
        lambda s: s.upper(),
        lambda s: "".join(f"%{ord(c):02x}" for c in s),
        lambda s: "".join(f"%25{ord(c):02X}" for c in s),
        lambda s: "".join(f"%u{ord(c):04x}" for c in s),
        lambda s: f"{s};a=b",
        lambda s: f"x/%2e%2e/{s}",
        lambda s: f"./{s}",
        lambda s: s,
    ]
    separators = ["/", "//", "\\", "%2f", "%255c"]
    spelled = "".join(
        data.draw(st.sampled_from(separators)) + data.draw(st.sampled_from(disguises))(segment)
        for segment in segments
    )
    key = "/" + "/".join(segments)
    assert normalize_path("/" + spelled).key == normalize_path(key).key == key


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "piece", ["/", "%25", "%2f", "/..", "%", ";", "\\", "%u0041", "/a", "%c0%ae", "é", "\x00"]
)
def test_a_megabyte_of_anything_is_cheap_and_named_too_long(piece: str) -> None:
    raw = "/" + piece * (1_000_000 // len(piece))
    normal = normalize_path(raw)
    assert "too_long" in normal.oddities
    assert len(normal.path) <= PATH_MAX + 1
