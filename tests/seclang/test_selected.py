"""Selectors of TX variables mean the same names whichever way they are asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.seclang.selected import Selected
from riskengine.seclang.targets import parse_target

SELECTORS = ["counter_.*", "^counter_", "counter_*", "^a", "a_b$", "COUNTER_", "c[o]unter", "a.b"]
names = st.lists(
    st.one_of(
        st.sampled_from(["counter_", "counter", "my_counter_x", "a_b", "a_bc", "", "k\u212a"]),
        st.text(alphabet="acounter_b\n", max_size=10),
    ),
    unique=True,
)


@pytest.mark.parametrize("selector", SELECTORS)
@given(written=names)
def test_what_was_written_is_chosen_as_the_pattern_does(selector: str, written: list[str]) -> None:
    target = parse_target(f"TX:/{selector}/")
    chosen = Selected().names(target, {}, written)
    assert chosen == [name for name in written if target.takes(name)]
