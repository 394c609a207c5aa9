"""Which files a set of signatures is made of, and what is in them."""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from riskengine.ruleset.signatures import SignatureSet
from riskengine.seclang.source import read_files

_DEBIAN_SETUP = Path("/etc/modsecurity/crs/crs-setup.conf")
_INITIALIZATION = ("REQUEST-900", "REQUEST-901", "REQUEST-903", "REQUEST-905")
# Where people write their exclusions; Debian keeps both beside the set-up.
_EXCLUSIONS_BEFORE = "REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf"
_EXCLUSIONS_AFTER = "RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf"
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
    rest = [path for path in rules if path not in first]
    setup = _setup(source, crs)
    beside = {path.parent for path in setup} - {crs}
    before = [path for folder in beside for path in sorted(folder.glob(_EXCLUSIONS_BEFORE))]
    after = [path for folder in (crs / "rules", *beside) for path in folder.glob(_EXCLUSIONS_AFTER)]
    # Own rules stand behind the CRS's initialisation, which sets all points to 0, and before its
    # evaluation, which adds them up.
    return [*setup, *before, *first, *own, *rest, *after]


class SignatureSources(NamedTuple):
    """What the sets of a ruleset are made of."""

    contents: dict[str, bytes]
    """Every file, included ones and word lists too: equal contents are equal signatures."""
    folders: tuple[Path, ...]
    """Directories outside that of the rules in which a change may change the sets."""


def read_sources(sets: Iterable[SignatureSet], directory: Path) -> SignatureSources:
    """All files of the sets, read once.

    One that cannot be read is left out here; whoever compiles the set says what is wrong with it.
    """
    contents: dict[str, bytes] = {}
    folders: dict[Path, None] = {}
    for one in sets:
        source = read_files(files_of(one, directory))
        beside = dict.fromkeys(path.parent for path in source.contents)
        words = _word_lists(beside)
        # The set's name is in the key, so that moving a file to another set tells.
        contents |= {f"{one.id}:{path}": data for path, data in (source.contents | words).items()}
        folders |= beside | dict.fromkeys(source.folders)
    return SignatureSources(contents, _outside(folders, directory))


def _word_lists(folders: Iterable[Path]) -> dict[Path, bytes]:
    found: dict[Path, bytes] = {}
    for path in (path for folder in folders for path in sorted(folder.glob(_WORD_LISTS))):
        with contextlib.suppress(OSError):
            found[path] = path.read_bytes()
    return found


def _outside(folders: Iterable[Path], directory: Path) -> tuple[Path, ...]:
    home = directory.resolve()
    wanted = {folder.resolve() for folder in folders if folder.is_dir()}
    return tuple(sorted(path for path in wanted if not path.is_relative_to(home)))


def _installed(source: SignatureSet) -> Path | None:
    crs = Path(source.crs) if source.crs else None
    return crs if crs is not None and (crs / "rules").is_dir() else None


def _setup(source: SignatureSet, crs: Path) -> list[Path]:
    if source.setup:
        return [Path(source.setup)]
    # Debian's is of its own CRS: what has an example beside it is another one.
    known = (crs / "crs-setup.conf", crs / "crs-setup.conf.example", _DEBIAN_SETUP)
    return [path for path in known if path.is_file()][:1]
