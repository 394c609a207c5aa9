from pathlib import Path

import pytest

from riskengine.seclang.pattern_cache import PatternCache
from riskengine.seclang.scan_patterns import Expressions

WORDS = [Expressions((b"select",), True), Expressions((rb"^\d+$",), True)]


@pytest.fixture
def compiled_counts() -> list[int]:
    return []


def test_patterns_are_compiled_once(tmp_path: Path, compiled_counts: list[int]) -> None:
    cache = PatternCache(tmp_path / "patterns", on_compile=compiled_counts.append)
    assert cache.compiled(WORDS) == cache.compiled(WORDS)
    assert compiled_counts == [2]
    assert (tmp_path / "patterns").stat().st_mode & 0o077 == 0


def test_a_file_with_a_wrong_hash_is_not_used(tmp_path: Path, compiled_counts: list[int]) -> None:
    cache = PatternCache(tmp_path / "patterns", on_compile=compiled_counts.append)
    good = cache.compiled(WORDS)
    [file] = (tmp_path / "patterns").iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert cache.compiled(WORDS) == good
    assert compiled_counts == [2, 2]


def test_a_file_that_others_may_write_is_not_used(
    tmp_path: Path, compiled_counts: list[int]
) -> None:
    cache = PatternCache(tmp_path / "patterns", on_compile=compiled_counts.append)
    cache.compiled(WORDS)
    [file] = (tmp_path / "patterns").iterdir()
    file.chmod(0o666)
    cache.compiled(WORDS)
    assert compiled_counts == [2, 2]
