"""The input and output vectors of the public test set, read the way their authors meant them."""

import json
import re
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "operator_vectors" / "internal"

_HEX = re.compile(rb"\\x([0-9a-fA-F]{2})")
_NUL = re.compile(rb"\\u0000")
_SHORT_NUL = re.compile(rb"\\0(?![0-9])")


def vectors(kind: str) -> list[dict[str, Any]]:
    """All vectors of `kind` (transformations or operators); none where the data is absent."""
    files = sorted((VECTORS / kind / "testdata").glob("*.json"))
    return [
        {"file": path.stem, **vector} for path in files for vector in json.loads(path.read_text())
    ]


def unescaped(text: str) -> bytes:
    r"""`text` with `\x41` and `\u0000`, which the files keep as text, made bytes."""
    data = _NUL.sub(b"\0", text.encode("utf-8", "surrogatepass"))
    return _HEX.sub(lambda match: bytes.fromhex(match[1].decode()), data)


def operator_input(text: str) -> bytes:
    r"""`unescaped`, with `\0` made a NUL too."""
    return _SHORT_NUL.sub(b"\0", unescaped(text))


def nul_only(text: str) -> bytes:
    r"""`text` with only `\u0000` made a byte: for decoders whose own business `\x41` is."""
    return text.encode("utf-8", "surrogatepass").replace(rb"\u0000", b"\0")
