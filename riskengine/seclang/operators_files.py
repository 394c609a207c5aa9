"""Files that operators name: data that lies beside the rules."""

from pathlib import Path

from riskengine.errors import OperatorError


def read_beside(directory: Path, name: bytes) -> bytes:
    """The content of `name` in `directory`; raises OperatorError naming the file and the cause."""
    path = directory / name.decode("utf-8", "surrogateescape")
    try:
        return path.read_bytes()
    except OSError as error:
        raise OperatorError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:  # a NUL in the name
        raise OperatorError(f"{name!r} is not the name of a file") from None
