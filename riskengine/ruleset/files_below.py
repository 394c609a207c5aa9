"""Reads files that rules name by their path below the rules directory."""

from pathlib import Path

from riskengine.ruleset.fields import show
from riskengine.ruleset.yaml_source import Mistake

BYTES_MAX = 64 * 1024 * 1024
MISTAKES_MAX = 20
"""Most lines of one file that are reported: a file of another kind is wrong in every line."""


class FilesBelow:
    """The files of one kind below a rules directory, each read once."""

    def __init__(self, directory: Path, key: str, kind: str) -> None:
        """`key` is where rules name them, `kind` what they are, for messages: `files`, `lists`."""
        self._directory = directory
        self._must = f"{key} must name {kind}"
        self.contents: dict[str, bytes] = {}
        """Bytes of each file, by its path below the directory."""
        self.mistakes: list[Mistake] = []

    def path(self, name: str) -> Path:
        """Where the file of that name is."""
        return self._directory / name

    def load(self, name: str) -> str:
        """Have the bytes of a file; what is wrong with naming it, else nothing."""
        if name in self.contents:
            return ""
        path = self.path(name)
        try:
            if not path.resolve().is_relative_to(self._directory.resolve()):
                return f"{self._must} below the rules directory, got {show(name)}"
            if not path.is_file():
                return f"{self._must} that exist; {path} does not"
            content = path.read_bytes()
        except OSError as error:
            return f"{self._must} that can be read; {show(name)}: {error.strerror}"
        except ValueError:  # a NUL or half a character
            return f"{self._must} by plain paths, got {show(name)}"
        if len(content) > BYTES_MAX:
            return f"{path} must be at most {BYTES_MAX} bytes long, is {len(content)}"
        self.contents[name] = content
        return ""

    def blame_lines(self, name: str, wrong: list[tuple[int, str]]) -> None:
        """Note what is wrong in which lines; beyond the first ones only how many more there are."""
        path = self.path(name)
        self.mistakes += [Mistake(path, line, text) for line, text in wrong[:MISTAKES_MAX]]
        if len(wrong) > MISTAKES_MAX:
            more = f"and {len(wrong) - MISTAKES_MAX} more unreadable lines from here"
            self.mistakes.append(Mistake(path, wrong[MISTAKES_MAX][0], more))
