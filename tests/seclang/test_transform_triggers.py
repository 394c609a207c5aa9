from hypothesis import given
from hypothesis import strategies as st

from riskengine.seclang.steps import STEPS, ordered
from riskengine.seclang.transform_triggers import MAY_CHANGE, TRIGGERS, simplified
from riskengine.seclang.transforms import TRANSFORMS
from riskengine.seclang.value_kinds import kinds_of, triggered_by

chains = st.lists(st.sampled_from(sorted(TRANSFORMS)), max_size=5).map(tuple)
values = st.one_of(
    st.binary(max_size=24),
    st.lists(
        st.sampled_from(
            [
                b"%41", b"&lt;", b"&LT", b"&a=", b"\\x41", b"/*", b"*/", b"-", b"--", b"#", b" ",
                b" /", b"\t", b"A", b"a", b"/..", b".", b"//", b"+", b"\0", b",",
            ]
        ),
        max_size=6,
    ).map(b"".join),
)  # fmt: skip


def applied(chain: tuple[str, ...], value: bytes) -> bytes:
    for step in chain:
        value = STEPS[step](value)
    return value


def idle_for(value: bytes) -> frozenset[str]:
    return frozenset(step for step, may_change in MAY_CHANGE.items() if not may_change(value))


@given(chain=chains, value=values)
def test_leaving_out_idle_steps_changes_nothing(chain: tuple[str, ...], value: bytes) -> None:
    short = simplified(ordered(chain), triggered_by(kinds_of(value)), idle_for(value))
    assert applied(short, value) == applied(chain, value)


@given(chain=chains, value=values)
def test_lower_case_comes_late_and_to_the_same(chain: tuple[str, ...], value: bytes) -> None:
    assert applied(ordered(chain), value) == applied(chain, value)


def test_a_command_line_ends_in_lower_case() -> None:
    assert ordered(("urldecode", "cmdline", "normalizepath"))[-1] == "lowercase"


@given(value=values)
def test_a_closer_look_does_not_depend_on_the_case(value: bytes) -> None:
    assert idle_for(value) == idle_for(value.lower()) == idle_for(value.upper())


def test_an_ordinary_address_needs_no_transformation() -> None:
    value = b"/a-b/c.html?x=1&y=2"
    assert simplified(tuple(TRIGGERS), triggered_by(kinds_of(value)), idle_for(value)) == ()
