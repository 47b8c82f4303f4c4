"""What is sent: messages read from files and folders, each with what names and orders it."""

import dataclasses
import pathlib
import sys
from collections.abc import Callable, Iterator, Sequence

from plexus.codecs.hl7v2 import NULL, read, read_batch
from plexus.errors import InvalidMessage, NotFound

__all__ = ["Outgoing", "content_of", "files_of", "outgoing", "read_files"]

_STDIN = "-"
_FRAMING = b"\x0b"


@dataclasses.dataclass(frozen=True, slots=True)
class Outgoing:
    """One message that is to be sent.

    Attributes:
        content: the bytes, without MLLP framing.
        control_id: MSH-10; empty where it has none or cannot be read.
        patient: what keeps its order: PID-3 as written, else PID-2; empty where there is none.
        label: where it comes from, for people; holds no content.
        condition: MSH-15 of HL7 table 0155: AL, NE, ER or SU; empty where it is not valued.
    """

    content: bytes
    control_id: str
    patient: str
    label: str
    condition: str = ""


def outgoing(content: bytes, label: str = "") -> Outgoing:
    """Read what sending needs to know. What cannot be read is sent all the same, to be refused."""
    content = content.removeprefix(_FRAMING).removesuffix(b"\x1c\r").removesuffix(b"\x1c")
    try:
        message = read(content)
    except InvalidMessage:
        return Outgoing(content, "", "", label)
    person = message.first("PID")
    patient = "" if person is None else person.raw(3) or person.raw(2)
    condition = message.msh.get(15).strip().upper()
    return Outgoing(
        content, message.control_id, patient, label, "" if condition == NULL else condition
    )


def read_files(
    paths: Sequence[pathlib.Path], warn: Callable[[str], None] = lambda _: None
) -> Iterator[Outgoing]:
    """The messages of some files, one file after the other as they are asked for.

    Folders are walked with all that is below them, by name; hidden files are left out; `-` is
    standard input. A file may hold several messages, or a batch (HL7 v2.5.1 2.10.3).

    Args:
        paths: files and folders.
        warn: is told which batches do not hold what their totals say.

    Raises:
        NotFound: a path does not exist or cannot be read.
    """
    for path in paths:
        for file in files_of(path):
            batch = read_batch(content_of(file))
            for issue in batch.issues:
                warn(f"{file}: {issue.detail}")
            parts = batch.parts
            for place, part in enumerate(parts, 1):
                yield outgoing(part.content, str(file) if len(parts) == 1 else f"{file}[{place}]")


def files_of(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """The path itself, or the files of a folder with all that is below, by name; hidden ones left out."""
    if not path.is_dir():
        yield path
        return
    for below in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in below.relative_to(path).parts)
        if below.is_file() and not hidden:
            yield below


def content_of(file: pathlib.Path) -> bytes:
    """The bytes of a file, or of standard input for `-`.

    Raises:
        NotFound: it cannot be read.
    """
    if str(file) == _STDIN:
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as exc:
        raise NotFound(f"{file} cannot be read: {exc.strerror}") from exc
