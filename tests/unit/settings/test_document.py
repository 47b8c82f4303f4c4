"""The mesh document: an error names the file, the line and the place, and all errors come at once."""

import pathlib

import pydantic
import pytest

from plexus.errors import ConfigurationError
from plexus.settings import Document, Section, load_document


class Door(Section):
    """A section of these tests."""

    name: str
    port: int = pydantic.Field(ge=1)
    tags: tuple[str, ...] = ()
    lock: "Lock | None" = None


class Lock(Section):
    """A part of a section."""

    turns: int


Door.model_rebuild()

GOOD = """\
# a comment
doors:
  - name: north
    port: 1
    lock:
      turns: 2
  - name: south
    port: 2
    tags: [a, b]
"""


@pytest.fixture
def path(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "plexus.yaml"


def load(path: pathlib.Path, text: str) -> Document:
    path.write_text(text, encoding="utf-8")
    return load_document(path)


def refused(path: pathlib.Path, text: str) -> str:
    """What is said of a document that is wrong, with the path cut off."""
    with pytest.raises(ConfigurationError) as caught:
        load(path, text).sections("doors", Door)
    return caught.value.detail.replace(f"{path}:", "")


def test_sections_are_read_in_order(path: pathlib.Path) -> None:
    north, south = load(path, GOOD).sections("doors", Door)
    assert (north.name, north.lock) == ("north", Lock(turns=2))
    assert (south.port, south.tags) == (2, ("a", "b"))
    assert load(path, GOOD).sections("windows", Door) == []
    assert load(path, "doors:\n").sections("doors", Door) == []


def test_a_wrong_type_is_told_with_its_line(path: pathlib.Path) -> None:
    told = refused(path, GOOD.replace("port: 2", "port: many"))
    assert told.startswith("8: doors.1.port: ")
    assert "integer" in told
    assert "many" not in told


def test_a_wrong_value_deep_inside_is_told_with_its_line(path: pathlib.Path) -> None:
    assert refused(path, GOOD.replace("turns: 2", "turns: []")).startswith("6: doors.0.lock.turns")


def test_an_unknown_key_is_told_with_its_line(path: pathlib.Path) -> None:
    told = refused(path, GOOD.replace("tags:", "tag:"))
    assert told.startswith("9: doors.1.tag: ")


def test_a_missing_key_is_told_with_the_line_of_what_lacks_it(path: pathlib.Path) -> None:
    told = refused(path, GOOD.replace("    port: 2\n", ""))
    assert told.startswith("7: doors.1.port: ")
    assert "required" in told


def test_all_that_is_wrong_is_told_at_once(path: pathlib.Path) -> None:
    text = GOOD.replace("port: 1", "port: 0").replace("tags: [a, b]", "tags: 7")
    assert [line.split(":")[0] for line in refused(path, text).splitlines()] == ["4", "9"]


@pytest.mark.parametrize("value", ["north", "{}", "{name: north}", "0", "false", "''"])
def test_a_section_that_is_no_list_is_told(path: pathlib.Path, value: str) -> None:
    assert refused(path, f"other: 1\ndoors: {value}\n") == "2: doors must be a list"


def test_an_entry_that_is_no_mapping_is_told(path: pathlib.Path) -> None:
    assert refused(path, "doors:\n  - north\n").startswith("2: doors.0: ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("doors:\n  - name: 'north\n", 3),
        ("doors: [\n", 2),
        ("a: 1\n b: 2\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("a: !!python/object:os.system {}\n", 1),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(path: pathlib.Path, text: str, line: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"plexus\.yaml:{line}: "):
        load(path, text)


@pytest.mark.parametrize("text", ["", "- a\n", "word\n"])
def test_what_is_no_mapping_is_told(path: pathlib.Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"plexus\.yaml:1: .*mapping"):
        load(path, text)


def test_a_key_that_stands_twice_is_refused(path: pathlib.Path) -> None:
    told = refused(path, GOOD + "doors: []\n")
    assert told.startswith("10: doors ")
    assert "line 2" in told
    assert refused(path, GOOD.replace("tags:", "port:")).startswith("9: port ")


def test_bytes_that_are_no_utf_8_are_told_with_their_line(path: pathlib.Path) -> None:
    path.write_bytes(b"doors:\n  - name: n\xe4he\n")
    with pytest.raises(ConfigurationError, match=r"plexus\.yaml:2: .*UTF-8"):
        load_document(path)


def test_a_missing_document_is_told_with_the_setting_that_names_it(path: pathlib.Path) -> None:
    with pytest.raises(ConfigurationError, match="PLEXUS_CONFIG"):
        load_document(path)


def test_names_that_nobody_reads_are_refused(path: pathlib.Path) -> None:
    document = load(path, GOOD + "dors: []\n")
    with pytest.raises(ConfigurationError, match=r"yaml:10: nothing is called dors.*doors"):
        document.known({"doors"})
    document.known({"doors", "dors"})


def test_the_version_changes_with_the_content(path: pathlib.Path) -> None:
    first = load(path, GOOD).version
    assert len(first) == 16
    assert load(path, GOOD).version == first
    assert load(path, GOOD + "# more\n").version != first
