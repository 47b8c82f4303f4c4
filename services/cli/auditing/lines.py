"""The lines of a file as leaves, and the root of their tree.

A line ends with a line feed (U+000A), which is not part of the leaf; nothing else ends one, and a carriage
return is part of it. What stands after the last line feed is a leaf too, unless there is nothing: so a
last line feed ends the last line and makes no empty leaf, while an empty line is an empty leaf. A file
without a byte has no line, and the root of the empty tree.
"""

from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["lines_of"]


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    """The leaves of a file, one at a time."""
    for line in file:
        yield line.removesuffix(b"\n")
