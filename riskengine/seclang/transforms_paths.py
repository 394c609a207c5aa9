"""Paths as a file system walks them."""


def normalise_path(value: bytes) -> bytes:
    """Without `//` and `.`, with `..` gone up as far as it goes; nothing goes above the root."""
    if b"//" not in value and b"/." not in value and not value.startswith(b"."):
        return value
    root = b"/" if value.startswith(b"/") else b""
    kept: list[bytes] = []
    for segment in value.split(b"/"):
        if segment in (b"", b"."):
            continue
        if segment != b"..":
            kept.append(segment)
        elif kept and kept[-1] != b"..":
            kept.pop()
        elif not root:
            kept.append(segment)
    last = b"/" if value.endswith(b"/") and kept else b""
    return root + b"/".join(kept) + last


def normalise_path_win(value: bytes) -> bytes:
    r"""`normalise_path` where `\` separates as well."""
    return normalise_path(value.replace(b"\\", b"/") if b"\\" in value else value)
