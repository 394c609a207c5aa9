"""Which files a set of signatures is made of, and what is in them."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from riskengine.ruleset.signatures import SignatureSet

_DEBIAN_SETUP = Path("/etc/modsecurity/crs/crs-setup.conf")
_INITIALIZATION = ("REQUEST-900", "REQUEST-901", "REQUEST-903", "REQUEST-905")
_WORD_LISTS = "*.data"


def files_of(source: SignatureSet, directory: Path) -> list[Path]:
    """The SecLang files of a set, in the order in which they are read."""
    own = sorted((directory / source.directory).glob("*.conf")) if source.directory else []
    crs = _installed(source)
    if crs is None:
        instead = directory / source.without_crs if source.without_crs else None
        return [*own, *(sorted(instead.glob("*.conf")) if instead else ())]
    rules = sorted((crs / "rules").glob("REQUEST-*.conf"))
    first = [path for path in rules if path.name.startswith(_INITIALIZATION)]
    # Own rules stand behind the CRS's initialisation, which sets all points to 0, and before its
    # evaluation, which adds them up.
    return [*_setup(source, crs), *first, *own, *[path for path in rules if path not in first]]


def contents_of(sets: Iterable[SignatureSet], directory: Path) -> dict[str, bytes]:
    """What makes up the sets, word lists included: equal contents are equal signatures.

    A file that cannot be read is left out here; whoever reads the set says what is wrong with it.
    """
    contents: dict[str, bytes] = {}
    for source in sets:
        for path in _everything(source, directory):
            with contextlib.suppress(OSError):
                # The set's name is in the key, so that moving a file to another set tells.
                contents[f"{source.id}:{path}"] = path.read_bytes()
    return contents


def watched_of(sets: Iterable[SignatureSet], directory: Path) -> list[Path]:
    """Directories outside that of the rules in which a change may change the sets."""
    home = directory.resolve()
    wanted = {path.parent.resolve() for source in sets for path in _everything(source, directory)}
    return sorted(path for path in wanted if not path.is_relative_to(home))


def _everything(source: SignatureSet, directory: Path) -> Iterator[Path]:
    """The files of a set, and the word lists beside them."""
    files = files_of(source, directory)
    yield from files
    for folder in dict.fromkeys(path.parent for path in files):
        yield from sorted(folder.glob(_WORD_LISTS))


def _installed(source: SignatureSet) -> Path | None:
    crs = Path(source.crs) if source.crs else None
    return crs if crs is not None and (crs / "rules").is_dir() else None


def _setup(source: SignatureSet, crs: Path) -> list[Path]:
    if source.setup:
        return [Path(source.setup)]
    known = (crs / "crs-setup.conf", _DEBIAN_SETUP, crs / "crs-setup.conf.example")
    return [path for path in known if path.is_file()][:1]
