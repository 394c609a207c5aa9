"""Reads the list files that address lists name."""

from itertools import islice
from pathlib import Path
from typing import TypeVar

from riskengine.ruleset.addresses import AddressesFile, AddressList
from riskengine.ruleset.fields import show
from riskengine.ruleset.networks import Network, read_network_list
from riskengine.ruleset.yaml_source import Document, Mistake

LIST_BYTES_MAX = 64 * 1024 * 1024
MISTAKES_MAX = 20
"""Most lines of one list that are reported: a list of another kind is wrong in every line."""


AnyList = TypeVar("AnyList", bound=AddressList)


class ListFiles:
    """The list files of one rules directory. Holds what was read, and what is wrong with it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._networks: dict[str, tuple[Network, ...]] = {}
        self.contents: dict[str, bytes] = {}
        """Bytes of each list, by its path below the directory."""
        self.mistakes: list[Mistake] = []

    def read(self, addresses: Document) -> None:
        """Read every list that the file names; whatever is wrong is noted there or here."""
        for key in ("allowlists", "blocklists"):
            for place, name in addresses.find(key, "*", "files", "*"):
                if isinstance(name, str) and name and (problem := self._read(name)):
                    addresses.blame(place, problem)

    def fill(self, rules: AddressesFile) -> AddressesFile:
        """The same rules, with the networks of their lists."""
        return AddressesFile(
            allowlists=tuple(self._filled(rule) for rule in rules.allowlists),
            blocklists=tuple(self._filled(rule) for rule in rules.blocklists),
        )

    def _filled(self, rule: AnyList) -> AnyList:
        networks = rule.networks
        for name in rule.files:
            networks += self._networks.get(name, ())
        return rule.model_copy(update={"networks": networks})

    def _read(self, name: str) -> str:
        """Read the list unless it has been read; what is wrong with naming it, else nothing."""
        if name in self._networks:
            return ""
        path = self._directory / name
        try:
            if not path.resolve().is_relative_to(self._directory.resolve()):
                return f"files must name lists below the rules directory, got {show(name)}"
            if not path.is_file():
                return f"files must name lists that exist; {path} does not"
            content = path.read_bytes()
        except OSError as error:
            return f"files must name lists that can be read; {show(name)}: {error.strerror}"
        except ValueError:  # a NUL or half a character
            return f"files must name lists by plain paths, got {show(name)}"
        if len(content) > LIST_BYTES_MAX:
            return f"{path} must be at most {LIST_BYTES_MAX} bytes long, is {len(content)}"
        self.contents[name] = content
        self._networks[name] = self._parse(path, content)
        return ""

    def _parse(self, path: Path, content: bytes) -> tuple[Network, ...]:
        entries = list(read_network_list(content.decode("utf-8-sig", "replace")))
        wrong = [(line, entry) for line, entry in entries if isinstance(entry, ValueError)]
        for line, entry in islice(wrong, MISTAKES_MAX):
            self.mistakes.append(Mistake(path, line, str(entry)))
        if len(wrong) > MISTAKES_MAX:
            line, _ = wrong[MISTAKES_MAX]
            more = len(wrong) - MISTAKES_MAX
            self.mistakes.append(Mistake(path, line, f"and {more} more unreadable lines from here"))
        return tuple(entry for _, entry in entries if isinstance(entry, Network))
