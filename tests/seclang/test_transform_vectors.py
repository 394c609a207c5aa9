"""Every transformation against the public vectors."""

from typing import Any

import pytest

from riskengine.seclang.transforms import TRANSFORMS
from tests.seclang.vectors import nul_only, unescaped, vectors

OWN_ESCAPES = {"cssDecode", "escapeSeqDecode", "jsDecode"}
VECTORS = vectors("transformations")


@pytest.mark.shared_data
@pytest.mark.skipif(not VECTORS, reason="the public vectors are not here")
@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['file']}-{v['input'][:20]!a}")
def test_transformation_gives_what_the_vector_says(vector: dict[str, Any]) -> None:
    read = nul_only if vector["file"] in OWN_ESCAPES else unescaped
    found = TRANSFORMS[vector["file"].lower()](read(vector["input"]))
    assert found == unescaped(vector["output"])
