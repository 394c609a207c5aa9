"""A megabyte of anything takes bounded time and memory in every decoder, operator and parser."""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from riskengine.seclang.bodies import parse_body
from riskengine.seclang.bodies_form import form_arguments
from riskengine.seclang.operators import compile_operator
from riskengine.seclang.sqli import detect_sqli
from riskengine.seclang.transforms import TRANSFORMS, Transform
from riskengine.seclang.xss import detect_xss

MEGABYTE = 1 << 20
CPU_MAX_S = 20
"""Far above what a linear reading takes (0.1 to 2 s here), far below what a quadratic one takes."""

SEEDS = [
    b"(",
    b"%25252527",
    b"%u0041",
    b"\\u0041",
    b"\\",
    b"&#x41;",
    b"&",
    b"/*",
    b"*/",
    b"--",
    b"../",
    b"/./",
    b" ",
    b"\0",
    b"'",
    b"' or 1=1 ",
    b"union select ",
    b"<a ",
    b"<a on",
    b"j\n",
    b"\xc3",
    b"\xc3\xa9",
    b"0x41",
    b"^/(",
    b"A=",
]


@contextmanager
def bounded() -> Iterator[None]:
    started = time.process_time()
    yield
    assert time.process_time() - started < CPU_MAX_S


def megabyte(seed: bytes) -> bytes:
    return seed * (MEGABYTE // len(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS, ids=ascii)
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=list(TRANSFORMS))
def test_decoder_is_linear(transform: Transform, seed: bytes) -> None:
    with bounded():
        assert len(transform(megabyte(seed))) <= 4 * MEGABYTE


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS, ids=ascii)
@pytest.mark.parametrize("detect", [detect_sqli, detect_xss])
def test_injection_grammar_is_linear(detect: Callable[[bytes], object], seed: bytes) -> None:
    with bounded():
        detect(megabyte(seed))


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern", [b"(a+)+$", b"(.*)(.*)(.*)x", rb"(?i)(\(|%25)+\d{1,50}z", b"(?:a?){50}a{50}"]
)
def test_pattern_that_ruins_a_backtracking_engine_is_linear(pattern: bytes) -> None:
    operator = compile_operator("rx", pattern, directory=Path())
    with bounded():
        operator.match(megabyte(b"a"))
        operator.match(megabyte(b"%25252527"))


BODIES = {
    "form of 10 000 parameters": ("URLENCODED", b"", b"a=1&" * 10_000),
    "form of one name": ("URLENCODED", b"", megabyte(b"%25252527")),
    "form of brackets": ("URLENCODED", b"", megabyte(b"(")),
    "JSON of brackets": ("JSON", b"", megabyte(b"[")),
    "JSON of objects": ("JSON", b"", megabyte(b'{"a":')),
    "JSON of numbers": ("JSON", b"", b"[" + megabyte(b"1,") + b"1]"),
    "JSON of one number": ("JSON", b"", megabyte(b"9")),
    "JSON of a long name above many": (
        "JSON",
        b"",
        b'{"' + b"k" * (MEGABYTE // 2) + b'":[' + b"0," * (MEGABYTE // 4) + b"0]}",
    ),
    "JSON of backslashes": ("JSON", b"", b'"' + megabyte(b"\\")),
    "XML of elements": ("XML", b"", megabyte(b"<a>")),
    "XML of attributes": ("XML", b"", b"<a " + b" ".join(b"a%d='1'" % n for n in range(90_000))),
    "XML of entities": (
        "XML",
        b"",
        b'<!DOCTYPE a [<!ENTITY a "' + megabyte(b"b") + b'">]><a>' + b"&a;" * 10_000 + b"</a>",
    ),
    "XML of brackets": ("XML", b"", megabyte(b"<")),
    "multipart of delimiters": (
        "MULTIPART",
        b"multipart/form-data; boundary=X",
        megabyte(b"--X\r\n"),
    ),
    "multipart of line ends": (
        "MULTIPART",
        b"multipart/form-data; boundary=X",
        b"--X\r\n" + megabyte(b"\n"),
    ),
    "multipart of headers": (
        "MULTIPART",
        b"multipart/form-data; boundary=X",
        b"--X\r\n" + megabyte(b"a: b\r\n") + b"\r\n\r\n--X--",
    ),
    "multipart of parameters": (
        "MULTIPART",
        b"multipart/form-data; boundary=X",
        b"--X\r\nContent-Disposition: form-data" + megabyte(b'; a="') + b"\r\n\r\n\r\n--X--",
    ),
    "multipart of folded lines": (
        "MULTIPART",
        b"multipart/form-data; boundary=X",
        b"--X\r\na: b" + megabyte(b"\r\n ") + b"\r\n\r\n\r\n--X--",
    ),
    "multipart of a long boundary": (
        "MULTIPART",
        b"multipart/form-data; boundary=" + megabyte(b"-"),
        megabyte(b"-"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BODIES)
def test_body_takes_bounded_time_and_memory(name: str) -> None:
    processor, content_type, body = BODIES[name]
    tracemalloc.start()
    with bounded():
        values = parse_body(processor, content_type, body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert values.error or len(values.arguments) == 1 or values.files or values.xml_text
    assert peak < 200 << 20


def test_ten_thousand_query_parameters_are_cut_at_a_named_limit() -> None:
    pairs, complete = form_arguments(b"&".join(b"p%d=1" % n for n in range(10_000)))
    assert (len(pairs), complete) == (1_000, False)
