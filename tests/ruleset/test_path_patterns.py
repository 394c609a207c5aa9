import re

import pytest

from riskengine.ruleset.path_patterns import PathPatterns, check_path_pattern

MATCHES = [
    # pattern, path key, whether it fits
    ("/", "/", True),
    ("/", "/a", False),
    ("/login", "/login", True),
    ("/login", "/login/x", False),
    ("/Login", "/login", True),
    ("/.git/**", "/.git", True),
    ("/.git/**", "/.git/objects/aa", True),
    ("/.git/**", "/.github", False),
    ("/.git/**", "/x/.git", False),
    ("/**/.git/**", "/a/b/.git/config", True),
    ("/**/.git/**", "/.git", True),
    ("/**/*.php", "/index.php", True),
    ("/**/*.php", "/a/b/index.php", True),
    ("/**/*.php", "/index.php/x", False),
    ("/**/*.php", "/index.phpx", False),
    ("/**/*.php", "/a\nb/x.php", True),
    ("/**", "/", True),
    ("/**", "/a/b\nc", True),
    ("/products/{id}", "/products/12", True),
    ("/products/{id}", "/products/12/x", False),
    ("/products/{id}", "/products", False),
    ("/a*c/d", "/abc/d", True),
    ("/a*c/d", "/ab/c/d", False),
    ("/a.b", "/axb", False),
]


@pytest.mark.parametrize(("pattern", "key", "fits"), MATCHES)
def test_pattern_fits_exactly_these_paths(pattern: str, key: str, fits: bool) -> None:
    assert PathPatterns([pattern]).find(key) == (pattern if fits else None)


def test_the_first_of_several_patterns_is_named() -> None:
    patterns = PathPatterns(["/a", "/b/**", "/b/c"])
    assert patterns.find("/b/c") == "/b/**"
    assert patterns.find("/c") is None


def test_no_patterns_fit_nothing() -> None:
    assert PathPatterns([]).find("/") is None
    assert PathPatterns([]).find("") is None


@pytest.mark.timeout(10)
def test_many_stars_over_a_long_path_take_linear_time() -> None:
    patterns = PathPatterns(["/**/*a*a*a*a*a*b/**/x"])
    assert patterns.find("/" + "a" * 16_000) is None


MISTAKES = [
    ("login", "must begin with '/'"),
    ("/a//b", "must not have empty or dot segments"),
    ("/a/", "must not have empty or dot segments"),
    ("/a/../b", "must not have empty or dot segments"),
    ("/a**/b", "'**' must be a whole segment"),
    ("/x{id}", "{name} must be a whole segment"),
    ("/{Id}", "{name} must be a whole segment"),
    ("/a%20b", "must be a normal path"),
    ("/a?b", "must be a normal path"),
]


@pytest.mark.parametrize(("pattern", "message"), MISTAKES)
def test_pattern_that_could_never_fit_is_refused_with_the_reason(
    pattern: str, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        check_path_pattern(pattern)
