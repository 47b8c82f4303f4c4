"""Character sets: from the names of HL7 table 0211 to codecs, and offsets in the original bytes.

A name that is not known is an issue of the message and never an exception: an answer must still be
possible, so the reader falls back to ISO 8859-1, which maps every byte to one character and back.
Spelling is tolerant (`UNICODE UTF-8`, `utf8`, `ISO-8859-1`, `8859/1`): feeds write all of them.
"""

import codecs
import re
from array import array
from functools import lru_cache

__all__ = ["FALLBACK", "bom_of", "byte_offsets", "codec_of", "codec_of_repetitions", "is_wide"]

FALLBACK = "iso8859-1"
"""Total over all bytes, and lossless."""

_PRINTABLE = bytes(range(0x20, 0x7F))
_NOISE = re.compile(r"[\s_-]+")

_TABLE_0211 = {
    "ASCII": "ascii",
    "USASCII": "ascii",
    "ISOIR6": "ascii",
    "UNICODE": "utf-8",
    "UNICODEUTF8": "utf-8",
    "UTF8": "utf-8",
    "UTF8SIG": "utf-8",
    "ISOIR192": "utf-8",
    "UNICODEUTF16": "utf-16",
    "UTF16": "utf-16",
    "UNICODEUTF32": "utf-32",
    "UTF32": "utf-32",
    "ISOIR13": "shift_jis",
    "ISOIR14": "shift_jis",
    "ISOIR87": "iso2022_jp_2",
    "ISOIR159": "iso2022_jp_2",
    "SHIFTJIS": "shift_jis",
    "GB180302000": "gb18030",
    "GB18030": "gb18030",
    "GB2312": "gb2312",
    "GBK": "gbk",
    "ISOIR58": "gb2312",
    "KSX1001": "euc_kr",
    "ISOIR149": "euc_kr",
    "BIG5": "big5",
    "WINDOWS1252": "cp1252",
    "CP1252": "cp1252",
    "ISOIR166": "iso8859-11",
    # Registration numbers of the right-hand parts of ISO 8859, which feeds take from DICOM.
    "ISOIR100": "iso8859-1",
    "ISOIR101": "iso8859-2",
    "ISOIR109": "iso8859-3",
    "ISOIR110": "iso8859-4",
    "ISOIR144": "iso8859-5",
    "ISOIR127": "iso8859-6",
    "ISOIR126": "iso8859-7",
    "ISOIR138": "iso8859-8",
    "ISOIR148": "iso8859-9",
    "ISOIR203": "iso8859-15",
} | {
    name: f"iso8859-{part}"
    for part in (*range(1, 12), *range(13, 17))
    for name in (f"8859/{part}", f"8859{part}", f"ISO8859{part}", f"ISO8859/{part}")
}

_BOMS = (
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@lru_cache(maxsize=256)
def codec_of(name: str) -> str | None:
    """Give the Python codec for a name of table 0211 or a Python codec name; None if unknown.

    CNS 11643-1992 is unknown: Python has no codec for it.
    """
    known = _TABLE_0211.get(_NOISE.sub("", name.upper()))
    if known is not None:
        return known
    try:
        # Registered too are "hex", UTF-7, EBCDIC and others whose separators are other bytes.
        if _PRINTABLE.decode(name) == _PRINTABLE.decode("ascii"):
            return codecs.lookup(name).name
    except (LookupError, ValueError):
        pass
    return None


@lru_cache(maxsize=256)
def codec_of_repetitions(names: tuple[str, ...]) -> str | None:
    """Give the codec for all repetitions of MSH-18 (2.15.9.18).

    The first is the default of the message and an empty first one is ASCII; the others may be
    switched to by ISO 2022 escapes, which Python's ISO 2022 codec follows on its own.
    """
    found = [codec_of(name or "ASCII") for name in names]
    switching = [codec for codec in found if codec == "iso2022_jp_2"]
    return switching[0] if switching and found[0] in {"ascii", "shift_jis"} else found[0]


def bom_of(content: bytes) -> tuple[int, str]:
    """Give length of the byte order mark and the codec that it tells; (0, "") without one.

    UTF-16 and UTF-32 without a mark are told by where the zero bytes of "MSH" lie.
    """
    for mark, codec in _BOMS:
        if content.startswith(mark):
            return len(mark), codec
    for codec in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        if content.startswith("MSH".encode(codec)):
            return 0, codec
    return 0, ""


def is_wide(codec: str) -> bool:
    """Tell whether a code unit has more than one byte, so that bytes cannot be searched as text."""
    return codec.startswith(("utf-16", "utf-32"))


def byte_offsets(body: bytes, codec: str) -> "array[int]":
    """Give for each character of the decoded body, and its end, the offset of its first byte.

    For codecs where encoding a prefix again does not tell it (ISO 2022 adds switches, Big5 has two
    ways to write some characters). One pass over the bytes.
    """
    decoder = codecs.getincrementaldecoder(codec)()
    offsets = array("Q")
    begin = 0
    for end in range(1, len(body) + 1):
        for _ in decoder.decode(body[end - 1 : end]):
            offsets.append(begin)
            begin = end
    offsets.append(len(body))
    return offsets
