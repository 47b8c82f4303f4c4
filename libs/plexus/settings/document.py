"""The mesh document: YAML whose errors name file and line.

One file says what the mesh does. Each service validates the sections it owns with pydantic models;
a wrong value is told with its line, and all errors of a section are told at once.
"""

import dataclasses
import hashlib
import pathlib
from typing import Any, TypeVar

import pydantic
import yaml

from plexus.errors import ConfigurationError

__all__ = ["Document", "Section", "load_document"]

M = TypeVar("M", bound="Section")
_Path = tuple[str | int, ...]
_HINTS = {"the mesh document": "; set PLEXUS_CONFIG to its path"}


class Section(pydantic.BaseModel):
    """Base of everything in the document: unknown keys are errors, docstrings are the help."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """A parsed document.

    Attributes:
        path: where it was read from.
        version: content hash, 16 hexadecimal digits.
    """

    path: pathlib.Path
    version: str
    _content: dict[str, Any]
    _lines: dict[_Path, int]

    def sections(self, name: str, model: type[M]) -> list[M]:
        """The list `name`, each entry as a `model`; empty where it is absent.

        Raises:
            ConfigurationError: naming every wrong place with its line.
        """
        entries = self._content.get(name)
        if entries is None:
            return []
        if not isinstance(entries, list):
            raise ConfigurationError(f"{self._at((name,))}: {name} must be a list")
        found: list[M] = []
        problems: list[str] = []
        for index, entry in enumerate(entries):
            try:
                found.append(model.model_validate(entry))
            except pydantic.ValidationError as exc:
                for error in exc.errors(include_input=False, include_url=False):
                    path: _Path = (name, index, *error["loc"])
                    place = ".".join(str(part) for part in path)
                    problems.append(f"{self._at(path)}: {place}: {error['msg']}")
        if problems:
            raise ConfigurationError("\n".join(problems))
        return found

    def line(self, *path: str | int) -> int:
        """The line on which `path`, or its nearest parent, stands; the first is 1."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def known(self, names: set[str]) -> None:
        """Refuse top-level names that nobody reads. Raises ConfigurationError."""
        for name in self._content:
            if name not in names:
                wanted = ", ".join(sorted(names))
                raise ConfigurationError(
                    f"{self._at((name,))}: nothing is called {name}; there is: {wanted}"
                )

    def _at(self, path: _Path) -> str:
        return f"{self.path}:{self.line(*path)}"


def load_document(path: pathlib.Path, what: str = "the mesh document") -> Document:
    """Read a document; `what` it is, for people.

    Raises:
        ConfigurationError: where it cannot be read or is no YAML mapping; names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise ConfigurationError(f"{path}: cannot read {what}{_HINTS.get(what, '')}") from exc
    except UnicodeDecodeError as exc:
        line = exc.object[: exc.start].count(b"\n") + 1
        raise ConfigurationError(f"{path}:{line}: {what} must be UTF-8") from exc
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        problem = getattr(exc, "problem", None) or "not YAML"
        raise ConfigurationError(f"{path}:{line}: {problem}") from exc
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}:1: {what} must be a mapping")
    lines: dict[_Path, int] = {}
    if node is not None:
        _note_lines(path, node, (), lines)
    version = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Document(path, version, content, lines)


def _note_lines(file: pathlib.Path, node: yaml.Node, path: _Path, lines: dict[_Path, int]) -> None:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, str(key.value))
            if below in lines:  # YAML would quietly take the last one
                raise ConfigurationError(
                    f"{file}:{key.start_mark.line + 1}: {key.value} stands here a second time, "
                    f"first on line {lines[below]}"
                )
            _note_lines(file, value, below, lines)
            lines[below] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(file, value, (*path, index), lines)
