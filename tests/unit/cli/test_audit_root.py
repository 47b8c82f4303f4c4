"""`plexus audit root`: which bytes are leaves. Out of scope: the tree itself (`tests/unit/audit`)."""

import hashlib
import pathlib

import click.testing
import pymerkle
import pytest

from services.cli.audit import command


def leaf(data: bytes) -> bytes:
    return hashlib.sha256(b"\0" + data).digest()


def told(*arguments: str, typed: bytes | None = None) -> str:
    result = click.testing.CliRunner().invoke(command, ["root", *arguments], input=typed)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(
    ("content", "leaves"),
    [
        (b"", []),
        (b"\n", [b""]),
        (b"a", [b"a"]),
        (b"a\n", [b"a"]),
        (b"a\n\n", [b"a", b""]),
        (b"a\r\nb\r\n", [b"a\r", b"b\r"]),
        (b"a\rb", [b"a\rb"]),
        (b"a\x0bb\x0cc\xc2\x85d\n\xff\0", [b"a\x0bb\x0cc\xc2\x85d", b"\xff\0"]),
        (b"\xef\xbb\xbfa\n b \n", [b"\xef\xbb\xbfa", b" b "]),
        (b"".join(b"%d\n" % n for n in range(300)), [b"%d" % n for n in range(300)]),
    ],
    ids=["empty", "empty-line", "unended", "ended", "two", "crlf", "cr", "others", "bom", "many"],
)
def test_only_a_line_feed_ends_a_leaf(
    content: bytes, leaves: list[bytes], tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "lines"
    file.write_bytes(content)
    oracle = pymerkle.InmemoryTree(algorithm="sha256")
    for one in leaves:
        oracle.append_entry(one)
    expected = oracle.get_root() if leaves else hashlib.sha256(b"").digest()
    assert told(str(file)) == expected.hex() + "\n"
    assert told("-", typed=content) == expected.hex() + "\n"


def test_the_root_of_two_lines_is_the_hash_over_both_leaves() -> None:
    expected = hashlib.sha256(b"\1" + leaf(b"one") + leaf(b"two")).hexdigest()
    assert told("-", typed=b"one\ntwo\n") == expected + "\n"


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: pathlib.Path) -> None:
    result = click.testing.CliRunner().invoke(command, ["root", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert "does not exist" in result.output
