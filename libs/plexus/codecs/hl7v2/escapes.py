r"""Separators and escape sequences (HL7 v2.5.1 2.5.4, 2.7).

`unescape` gives the text that was meant: separators, hexadecimal data, line breaks of formatted
text, switches of the character set. Highlighting and layout without text are dropped, local
(`\Z..\`) and unknown sequences stay as written, and an escape character that opens nothing is
text. `escape` is its inverse for any text.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from plexus.codecs.hl7v2.charsets import FALLBACK, is_wide

__all__ = ["DEFAULT_SEPARATORS", "Separators", "escape", "separators_of", "unescape"]

_MOST_SPACING = 200  # a command such as \.sp99999999\ must not grow the text without bound

# ISO 2022 designations that \C..\ and \M..\ spell in hexadecimal (2.7.2), less the escape byte.
_SINGLE_BYTE = {
    "2842": "ascii",
    "284A": "shift_jis",
    "2949": "shift_jis",
    "2D41": "iso8859-1",
    "2D42": "iso8859-2",
    "2D43": "iso8859-3",
    "2D44": "iso8859-4",
    "2D4C": "iso8859-5",
    "2D47": "iso8859-6",
    "2D46": "iso8859-7",
    "2D48": "iso8859-8",
    "2D4D": "iso8859-9",
}
_MULTI_BYTE = {"2442": b"\x1b$B", "242844": b"\x1b$(D"}


@dataclass(frozen=True, slots=True)
class Separators:
    """The separators of one message; an empty one does not exist in it."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""

    @property
    def encoding_characters(self) -> str:
        """MSH-2 for a message with these separators."""
        if not self.escape:
            return f"{self.component}{self.repetition}{self.subcomponent}"
        return f"{self.component}{self.repetition}{self.escape}{self.subcomponent}{self.truncation}"


DEFAULT_SEPARATORS = Separators()


@lru_cache(maxsize=256)
def separators_of(field: str, encoding_characters: str) -> tuple[Separators, str]:
    """Give the separators for MSH-1 and MSH-2, and what was wrong with them or "".

    - An empty MSH-2 means the usual characters.
    - A missing character at the end means that the message does not use that separator. `^~&` is
      taken as a message without escapes, as other engines do.
    - Letters, digits and blanks end MSH-2: they are no separators.
    - A character with two roles keeps the first of: field, component, repetition, escape,
      subcomponent, truncation.
    """
    if not encoding_characters:
        return Separators(field=field), "MSH-2 is empty"
    trouble = ""
    usable = ""
    for char in encoding_characters:
        if char.isalnum() or char.isspace() or len(usable) == 5:
            trouble = "MSH-2 holds more than encoding characters"
            break
        usable += char
    if not usable:
        return Separators(field=field), trouble
    if len(usable) == 3 and usable[2] == "&":
        roles = [usable[0], usable[1], "", "&", ""]
        trouble = trouble or "MSH-2 has no escape character"
    else:
        roles = [*usable, "", "", "", ""][:5]
    taken = {field}
    for place, char in enumerate(roles):
        if char and char in taken:
            roles[place] = ""
            trouble = "MSH-2 uses one character for two separators"
        taken.add(char)
    return Separators(field, *roles), trouble


@lru_cache(maxsize=64)
def _sequence(mark: str) -> re.Pattern[str]:
    quoted = re.escape(mark)
    names = r"[FSTRPEHN]|X(?:[0-9A-Fa-f]{2})+|\.[a-z]{2}[ ]?[+-]?[0-9]{0,6}"
    return re.compile(f"{quoted}({names}|Z[^{quoted}]*){quoted}")


@lru_cache(maxsize=64)
def _switch(mark: str) -> re.Pattern[str]:
    quoted = re.escape(mark)
    return re.compile(f"{quoted}([CM](?:[0-9A-Fa-f]{{2}}){{2,3}}){quoted}")


def unescape(text: str, separators: Separators, charset: str = FALLBACK) -> str:
    r"""Give the text that is meant.

    Args:
        text: one value as written, without unescaped separators of its own level.
        separators: of the message.
        charset: codec of the message, for bytes in `\X..\`.
    """
    mark = separators.escape
    if not mark or mark not in text:
        return text
    switches = list(_switch(mark).finditer(text))
    if not switches:
        return _plain(text, separators, charset)
    pieces = [_plain(text[: switches[0].start()], separators, charset)]
    for place, switch in enumerate(switches):
        end = switches[place + 1].start() if place + 1 < len(switches) else len(text)
        run = _plain(text[switch.end() : end], separators, charset)
        switched = _switched(switch.group(1).upper(), run, charset)
        pieces.append(switch.group(0) + run if switched is None else switched)
    return "".join(pieces)


def _plain(text: str, separators: Separators, charset: str) -> str:
    def meant(match: re.Match[str]) -> str:
        name = match.group(1)
        kind = name[0]
        if kind == "F":
            return separators.field
        if kind == "S":
            return separators.component or "^"
        if kind == "T":
            return separators.subcomponent or "&"
        if kind == "R":
            return separators.repetition or "~"
        if kind == "E":
            return separators.escape
        if kind == "P":
            return separators.truncation or "#"
        if kind in "HN":
            return ""
        if kind == "X":
            return _bytes_as_text(bytes.fromhex(name[1:]), charset)
        if kind == ".":
            formatted = _formatted(name)
            return match.group(0) if formatted is None else formatted
        return match.group(0)

    return _sequence(separators.escape).sub(meant, text)


def _bytes_as_text(data: bytes, charset: str) -> str:
    for codec in ("utf-8" if is_wide(charset) else charset, FALLBACK):
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    raise AssertionError("ISO 8859-1 decodes every byte")


def _formatted(name: str) -> str | None:
    """Formatting commands of FT (2.7.6): line ends and spaces are text, layout is not."""
    command = name[1:3]
    digits = name[3:].strip(" +-")
    count = min(int(digits), _MOST_SPACING) if digits else 1
    if command in {"br", "ce"}:
        return "\n"
    if command == "sp":
        return "\n" * count
    if command == "sk":
        return " " * count
    if command in {"in", "ti", "fi", "nf"}:
        return ""
    return None


def _switched(name: str, run: str, charset: str) -> str | None:
    """Read a run again in the character set that the switch names; None if that cannot be."""
    try:
        data = run.encode(charset)
        if name[0] == "C":
            codec = _SINGLE_BYTE.get(name[1:])
            return None if codec is None else data.decode(codec)
        shift = _MULTI_BYTE.get(name[1:])
        return None if shift is None else (shift + data).decode("iso2022_jp_2")
    except UnicodeError:
        return None


@lru_cache(maxsize=64)
def _escaped(separators: Separators) -> dict[int, str]:
    mark = separators.escape
    if not mark:
        # Without an escape character a separator cannot be written as text at all.
        specials = f"{separators.field}{separators.encoding_characters}\r\n"
        return {ord(char): " " for char in specials}
    # A message may use the dot as a separator, and then `.br` would be cut in two.
    line_feed = "X0A" if "." in f"{separators.field}{separators.encoding_characters}" else ".br"
    table = {"\r": f"{mark}X0D{mark}", "\n": f"{mark}{line_feed}{mark}"}
    for name, char in (
        ("P", separators.truncation),
        ("T", separators.subcomponent),
        ("R", separators.repetition),
        ("S", separators.component),
        ("F", separators.field),
        ("E", mark),
    ):
        if char:
            table[char] = f"{mark}{name}{mark}"
    return {ord(char): sequence for char, sequence in table.items()}


def escape(text: str, separators: Separators = DEFAULT_SEPARATORS) -> str:
    """Write text so that it holds no separator and no line end; `unescape` gives it back.

    In a message without an escape character separators and line ends become blanks: they cannot be
    written there, and would change the structure.
    """
    return text.translate(_escaped(separators))
