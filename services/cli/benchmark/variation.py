"""A message again and again, of another person each time, so that nothing is remembered that would be new.

What a hospital says once in each message differs: numbers of persons, visits, orders and policies,
names, birth dates, times, telephones, results. What it says all day is the same: codes, units, wards,
physicians, payers.
"""

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["varied"]

# Longer runs of digits are numbers, dates and times; the arcs of OIDs and the codes are shorter.
_NUMBERS: Final = re.compile(rb"[0-9]{7,}")
_TIME, _DATE = 14, 8
_STEP: Final = 7919
_VALUES: Final = 400


def varied(content: bytes) -> Iterator[bytes]:
    """Variants of an HL7 v2 message without end; equal numbers stay equal within each."""
    lines = content.split(b"\r")
    n = 0
    while True:
        n += 1
        yield b"\r".join(_line(line, n, at) for at, line in enumerate(lines))


def _line(line: bytes, n: int, at: int) -> bytes:
    fields = _NUMBERS.sub(lambda found: _number(found[0], n), line).split(b"|")
    if fields[0] == b"PID":
        fields[5] = _letters(n) + fields[5]
    elif line.startswith(b"NK1"):
        fields[2] = _letters(n + 1) + fields[2]
    elif line.startswith(b"OBX") and fields[2] == b"NM":
        fields[5] = b"%d.%d" % divmod((n * _STEP + at) % _VALUES, 10)
    return b"|".join(fields)


def _number(digits: bytes, n: int) -> bytes:
    if len(digits) == _TIME:
        return digits[:10] + b"%02d%02d" % (n // 60 % 60, n % 60)
    if len(digits) == _DATE:
        return b"%d" % (1930 + n % 70) + digits[4:]
    return b"%0*d" % (len(digits), (int(digits) + _STEP * n) % 10 ** len(digits))


def _letters(n: int) -> bytes:
    return b"%c%c" % (65 + n % 26, 97 + n // 26 % 26)
