"""What detectSQLi and detectXSS find, and what they leave alone."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from riskengine.seclang.operators_contract import Match
from riskengine.seclang.sqli import detect_sqli
from riskengine.seclang.transforms import TRANSFORMS
from riskengine.seclang.xss import detect_xss

PAYLOADS = Path(__file__).parents[3] / "shared" / "data" / "attack_payloads"
Detector = Callable[[bytes], Match | None]

SQLI = [
    b"1 or 1=1",
    b"1' OR '1'='1",
    b"x' or ''='",
    b"' or 1 -- ",
    b"admin' --",
    b"admin'/*",
    b"1) and (2=2",
    b"-1 union select 1,2,3",
    b"-1/**/UNION/**/ALL/**/SELECT/**/null,null",
    b"1 union(select(1),2)",
    b"1; drop table users --",
    b"1';exec xp_cmdshell('dir')--",
    b"1;waitfor delay '0:0:5'--",
    b"1 and sleep(5)",
    b"1' and ascii(substring(version(),1,1))>50#",
    b"1 order by 10--",
    b"1' group by x having 1=1",
    b"1 and (select count(*) from users)>0",
    b"extractvalue(1,concat(0x7e,version()))",
    b"(select * from information_schema.tables)",
    b"1/*!50000union*/ /*!50000select*/ 1",
    b"1 procedure analyse(1)",
    b"' || (select 1) || '",
    b"1 into outfile '/tmp/x'",
    b"1 and @@version like 'a%'",
    b"case when 1=1 then 2 else 3 end",
]
NOT_SQLI = [
    b"",
    b"O'Brien and O'Neil",
    b"select the best one from our list",
    b"the union selected a few members",
    b"7 AND HALF",
    b'laptop 13" and phone',
    b"rock 'n' roll",
    b"black or white",
    b"drop-leaf table; white",
    b"https://shop.example/?a=1&b=2",
    b'{"a": "b", "c": [1, 2]}',
    b"size and length (cm), user(s) and version(s)",
    b"order by phone",
    b"update your address -- thanks",
    b"2024-01-01 -- 2024-02-01",
    b"a||b",
    b"x=1;y=2;z=3",
    b"C:\\dir\\file",
    b"5 > 3",
    b"Group by the lake, having fun",
]
XSS = [
    b"<script>alert(1)</script>",
    b"<SCRIPT SRC=//x.example/a.js>",
    b"<img src=x onerror=alert(1)>",
    b"<img/src=x/onerror=alert(1)>",
    b'" onmouseover="alert(1)',
    b"' autofocus onfocus=alert(1) x='",
    b'<a href="java\nscript:alert(1)">x</a>',
    b"javascript:alert(1)",
    b"<svg onload=alert(1)>",
    b"<iframe srcdoc='x'>",
    b'<div style="width:expression(alert(1))">',
    b"<a href=data:text/html;base64,PHNj>",
    b"<!--[if gte IE 4]>",
    b'";alert(1)//',
    b"{{constructor.constructor('alert(1)')()}}",
    b"<math><mi xlink:href='data:x,<script>'>",
    b"</textarea><x>",
]
NOT_XSS = [
    b"",
    b"a < b and c > d",
    b"<3 you",
    b"<p>Hello <b>world</b></p>",
    b'<a href="https://shop.example/page">link</a>',
    b"javascript:void(0)",
    b"learn javascript: the good parts",
    b"one=1&online=2",
    b"https://shop.example/?on=1",
    b"data:image/png;base64,iVBORw0KGgo=",
    b"contact onboarding team",
    b"mailto:a@shop.example",
    b"x {color: red}",
    b"2 <script-free> pages",
]


@pytest.mark.parametrize("value", SQLI)
def test_sql_injection_is_found(value: bytes) -> None:
    assert detect_sqli(value) is not None


@pytest.mark.parametrize("value", NOT_SQLI)
def test_ordinary_value_is_no_sql_injection(value: bytes) -> None:
    assert detect_sqli(value) is None


@pytest.mark.parametrize("value", XSS)
def test_script_injection_is_found(value: bytes) -> None:
    assert detect_xss(value) is not None


@pytest.mark.parametrize("value", NOT_XSS)
def test_ordinary_value_is_no_script_injection(value: bytes) -> None:
    assert detect_xss(value) is None


@pytest.mark.parametrize("value", SQLI)
def test_case_and_comments_do_not_hide_sql(value: bytes) -> None:
    assert detect_sqli(value.swapcase()) is not None
    assert detect_sqli(value.replace(b" ", b"/* x */")) is not None


@pytest.mark.parametrize("detect", [detect_sqli, detect_xss])
def test_match_is_a_part_of_the_value(detect: Detector) -> None:
    value = b"before <script>x</script> 1 or 1=1 after"
    match = detect(value)
    assert match is not None
    assert match.text in value
    assert match.captures == (match.text,)


def decoded(value: bytes, names: str) -> bytes:
    for name in names.split():
        value = TRANSFORMS[name](value)
    return value


def lines(pattern: str) -> Iterator[bytes]:
    for path in sorted((PAYLOADS / "libinjection" / "data").glob(pattern)):
        yield from (
            line for line in path.read_bytes().splitlines() if line and not line.startswith(b"#")
        )


def parameters(kind: str) -> list[bytes]:
    with (PAYLOADS / "http_params_train.csv").open(encoding="utf-8") as rows:
        return [
            row["payload"].encode() for row in csv.DictReader(rows) if row["attack_type"] == kind
        ]


def share(detect: Detector, values: list[bytes], names: str) -> float:
    return sum(detect(decoded(value, names)) is not None for value in values) / len(values)


CRS_SQLI = "utf8tounicode urldecodeuni removenulls"
CRS_XSS = "utf8tounicode urldecodeuni htmlentitydecode jsdecode cssdecode removenulls"


@pytest.mark.shared_data
@pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the public payloads are not here")
@pytest.mark.parametrize(
    ("detect", "names", "pattern", "kind", "lines_found", "parameters_found"),
    [
        (detect_sqli, CRS_SQLI, "sqli-*.txt", "sqli", 0.97, 0.99),
        (detect_xss, CRS_XSS, "xss-*.txt", "xss", 0.97, 0.85),
    ],
    ids=["sqli", "xss"],
)
def test_public_payloads_are_found_as_the_documentation_says(
    detect: Detector,
    names: str,
    pattern: str,
    kind: str,
    lines_found: float,
    parameters_found: float,
) -> None:
    assert share(detect, list(lines(pattern)), names) >= lines_found
    assert share(detect, parameters(kind), names) >= parameters_found


@pytest.mark.shared_data
@pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the public payloads are not here")
def test_ordinary_parameters_and_known_traps_are_left_alone() -> None:
    ordinary, traps = parameters("norm"), list(lines("false_positives.txt"))
    assert share(detect_sqli, ordinary, CRS_SQLI) == share(detect_xss, ordinary, CRS_XSS) == 0
    assert share(detect_sqli, traps, CRS_SQLI) <= 0.015
    assert share(detect_xss, traps, CRS_XSS) == 0
