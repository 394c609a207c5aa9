"""What is a secret, and that blanking it keeps everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.records.secrets import (
    blank_parameters,
    blank_path_parameters,
    fill_parameters,
    fill_path_parameters,
    filler,
    is_secret_header,
    is_secret_parameter,
)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True),
        ("user[Passwd]", True),
        ("p%61ssword", True),
        ("csrf_token", True),
        ("api-key", True),
        ("card_number", True),
        ("PHPSESSID", True),
        ("cvv", True),
        ("q", False),
        ("page", False),
        ("user", False),
        ("sort", False),
    ],
)
def test_parameter_names_that_hold_secrets(name: str, secret: bool) -> None:
    assert is_secret_parameter(name) is secret


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("cookie", True),
        ("set-cookie", True),
        ("authorization", True),
        ("proxy-authorization", True),
        ("x-api-key", True),
        ("x-amz-security-token", True),
        ("x-csrf-token", True),
        ("user-agent", False),
        ("accept-language", False),
        ("referer", False),
    ],
)
def test_header_names_that_hold_secrets(name: str, secret: bool) -> None:
    assert is_secret_header(name) is secret


@pytest.mark.parametrize(
    ("query", "blanked", "withheld"),
    [
        ("", "", {}),
        ("a=1&b=2", "a=1&b=2", {}),
        ("a=1&token=abc&b=2", "a=1&token=&b=2", {"q.token": 3}),
        ("token=abc;token=de", "token=;token=", {"q.token": 5}),
        ("token", "token", {}),
        ("token=", "token=", {}),
        ("token=a=b", "token=", {"q.token": 3}),
        ("&&token=x&", "&&token=&", {"q.token": 1}),
    ],
)
def test_secrets_of_a_query_become_lengths(
    query: str, blanked: str, withheld: dict[str, int]
) -> None:
    found: dict[str, int] = {}
    assert blank_parameters(query, "q.", found) == blanked
    assert found == withheld


def test_secret_path_parameter_is_withheld_and_the_path_behind_it_stays() -> None:
    found: dict[str, int] = {}
    assert blank_path_parameters("/a;jsessionid=XYZ/b", found) == "/a;jsessionid=/b"
    assert found == {"path.jsessionid": 3}
    assert fill_path_parameters("/a;jsessionid=/b", found) == "/a;jsessionid=***/b"


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "token", "password", "q"]), st.text("xyz%/=.", max_size=9)),
        max_size=6,
    )
)
def test_filled_query_is_as_long_as_the_real_one_and_tells_no_secret(
    pairs: list[tuple[str, str]],
) -> None:
    query = "&".join(f"{name}={value}" for name, value in pairs)
    withheld: dict[str, int] = {}
    blanked = blank_parameters(query, "q.", withheld)
    filled = fill_parameters(blanked, "q.", withheld)
    assert len(filled) == len(query)
    assert [p.partition("=")[0] for p in filled.split("&")] == [
        p.partition("=")[0] for p in query.split("&")
    ]
    assert sum(withheld.values()) == sum(len(v) for n, v in pairs if n in ("token", "password"))


def test_damaged_length_does_not_fill_the_memory() -> None:
    assert len(filler(10**12)) == 65_536
    assert filler(-3) == ""
