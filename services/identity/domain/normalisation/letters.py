"""Text in the one form in which it is compared: small Latin letters without marks.

Accents fall, ligatures and letters of their own are written out, Greek and Cyrillic are transliterated
letter by letter. Scripts without a table here keep their characters: they still compare as equal or not.
"""

# ruff: noqa: RUF001 - letters that look like Latin ones are what the table is about

import functools
import unicodedata
from typing import Final

__all__ = ["digits", "fold", "sound", "words"]

_LETTERS: Final = {
    # Latin letters that NFKD does not take apart.
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h",
    "ı": "i", "ŋ": "n", "ŧ": "t", "ə": "a", "ƒ": "f",
    # Greek.
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i",
    "κ": "k", "λ": "l", "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s",
    "ς": "s", "τ": "t", "υ": "y", "φ": "f", "χ": "ch", "ψ": "ps", "ω": "o",
    # Cyrillic: Russian, Ukrainian, Serbian, Macedonian, Belarusian.
    "а": "a", "б": "b", "в": "v", "г": "g", "ґ": "g", "д": "d", "ђ": "dj", "е": "e", "є": "ye",
    "ж": "zh", "з": "z", "и": "i", "і": "i", "ј": "j", "к": "k", "л": "l", "љ": "lj", "м": "m",
    "н": "n", "њ": "nj", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "ћ": "c", "у": "u",
    "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "џ": "dz", "ш": "sh", "щ": "shch", "ъ": "",
    "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya", "ѓ": "g", "ќ": "k", "ѕ": "dz",
}  # fmt: skip
_TABLE: Final = str.maketrans(_LETTERS)
# An apostrophe or a full stop stands within a word (O'Brien, J.R.), all else between two.
_WITHIN: Final = dict.fromkeys(map(ord, "'’‘`´ʼ."), "")


@functools.lru_cache(maxsize=16_384)
def fold(text: str) -> str:
    """The text in small letters, without marks, with single spaces; letters and digits only.

    Idempotent. Text in a script without a table keeps its letters.
    """
    if text.isascii():
        folded = text.lower()
    else:
        folded = unicodedata.normalize("NFKD", text.casefold())
        folded = "".join(c for c in folded if not unicodedata.combining(c))
        folded = folded.replace("ου", "ou").translate(_TABLE)
        # Some letters come apart only now; once more, so that folding again changes nothing.
        folded = unicodedata.normalize("NFKD", folded.casefold())
        folded = "".join(c for c in folded if not unicodedata.combining(c)).translate(_TABLE)
    folded = folded.translate(_WITHIN)
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())


def words(text: str) -> list[str]:
    """The folded words of a text."""
    return fold(text).split()


def digits(text: str) -> str:
    """The ASCII digits of a text, in their order."""
    return "".join(c for c in text if "0" <= c <= "9")


_SOUNDS: Final = (
    ("sch", "s"), ("tsch", "s"), ("sh", "s"), ("ch", "k"), ("ph", "f"), ("gh", "g"), ("th", "t"),
    ("ck", "k"), ("cz", "s"), ("sz", "s"), ("dz", "s"), ("ts", "s"), ("tz", "s"), ("kn", "n"),
    ("wr", "r"), ("qu", "k"), ("x", "ks"), ("z", "s"), ("q", "k"), ("w", "v"), ("y", "i"),
    ("ce", "se"), ("ci", "si"), ("c", "k"), ("j", "i"), ("dt", "t"), ("d", "t"), ("b", "p"),
    ("g", "k"),
)  # fmt: skip
_VOWELS: Final = frozenset("aeiou")
_MOST_SOUNDS: Final = 6


@functools.lru_cache(maxsize=16_384)
def sound(word: str) -> str:
    """How a folded word sounds, roughly, over European languages; at most six characters.

    Coarse on purpose: it finds candidates, and comparison decides. Vowels but a first one (all of
    them alike), h and doubled letters are silent.
    """
    heard = word
    for written, spoken in _SOUNDS:
        heard = heard.replace(written, spoken)
    kept: list[str] = []
    for place, letter in enumerate(heard):
        if letter in _VOWELS:
            if place == 0:
                kept.append("a")
        elif letter != "h" and (not kept or kept[-1] != letter):
            kept.append(letter)
    return "".join(kept)[:_MOST_SOUNDS] or word[:1]
