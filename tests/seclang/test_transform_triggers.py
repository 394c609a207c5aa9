from hypothesis import given
from hypothesis import strategies as st

from riskengine.seclang.transform_triggers import TRIGGERS, kinds_of, simplified
from riskengine.seclang.transforming import Transforming
from riskengine.seclang.transforms import TRANSFORMS

chains = st.lists(st.sampled_from(sorted(TRANSFORMS)), max_size=5).map(tuple)
values = st.one_of(
    st.binary(max_size=24),
    st.lists(
        st.sampled_from([b"%41", b"&lt;", b"\\x41", b"/*", b"*/", b" ", b"A", b"a", b"/..", b"+"]),
        max_size=6,
    ).map(b"".join),
)


@given(chain=chains, value=values)
def test_leaving_out_idle_steps_changes_nothing(chain: tuple[str, ...], value: bytes) -> None:
    transforming = Transforming()
    short = simplified(chain, kinds_of(value))
    assert transforming.apply(short, value) == transforming.apply(chain, value)


def test_an_ordinary_word_needs_no_transformation() -> None:
    assert simplified(tuple(set(TRIGGERS) - {"uppercase"}), kinds_of(b"word")) == ()
