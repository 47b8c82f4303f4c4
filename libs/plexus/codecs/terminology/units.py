"""Units as laboratories and devices write them, as UCUM: mmHg is mm[Hg], K/uL is 10*3/uL.

Nothing is guessed where two readings differ. What may be read in two ways stays unknown: G/L (giga
or gram), oz (of weight or of fluid), U of a dose (enzyme unit or international unit), tsp, gr, MU. So
does what is UCUM by accident and meant otherwise: pt is a picotonne there, G a gauss.
Neighbours: `ucum` for the expressions, `unit_aliases` for the words.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from plexus.codecs.terminology.ucum import Factor, factors
from plexus.codecs.terminology.unit_aliases import (
    ALIASES,
    COUNTS,
    DIVISORS,
    FOLDED,
    MEASURES,
    VOLUMES,
)

__all__ = ["NormalUnit", "normalise"]

How = Literal["ucum", "spelling", "alias", "unknown"]

_LONGEST = 48
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_RAISED_TEN = re.compile("10([⁰¹²³⁴⁵⁶⁷⁸⁹]{1,2})")
_SIGNS = str.maketrans({"µ": "u", "μ": "u", "×": "x", "·": "."}) | _RAISED  # noqa: RUF001 - what senders write
_SMALL = frozenset({"", "k", "d", "c", "m", "u", "n", "p", "f"})
_LARGE = _SMALL | {"h", "M", "G"}
# Atoms that are meant when they are written, though nobody said that it is UCUM; by their prefixes.
_LAB = "m s g l L mol eq osm kat [iU] [IU] U Cel g% m[Hg] m[H2O] cal"
_DEVICE = "Hz Pa J W V Ohm Bq Gy Sv Ci"
_PLAIN = "10* 10^ % deg min h d wk mo bar"
_USUAL = dict.fromkeys(_LAB.split(), _SMALL)
_USUAL |= dict.fromkeys(_DEVICE.split(), _LARGE)
_USUAL |= dict.fromkeys(_PLAIN.split(), frozenset({""}))
# In a volume of a specimen only: elsewhere M may be a million, and U the unit of any dose.
_CONTENTS = frozenset({"U", "m[IU]", "u[IU]", "k[IU]"})
_EXPONENT = re.compile(r"(?<=[a-z])\^(?=[0-9])")
_TEN = re.compile(r"(?:x ?)?10 ?(?:\*|\^|\*\*|E\+?0?|exp|\()([0-9]{1,2})\)?", re.IGNORECASE)


class NormalUnit(NamedTuple):
    """What a text is in UCUM.

    Attributes:
        code: the UCUM expression; empty where the text is unknown.
        how: `ucum` as it stands; `spelling` is the same expression, spelled as usual (mg/dl, 10^9/L);
            `alias` where it is none but known; `unknown`.
    """

    code: str
    how: How


_UNKNOWN = NormalUnit("", "unknown")


@lru_cache(maxsize=4096)
def normalise(text: str) -> NormalUnit:
    """Find the UCUM expression that a unit means, when nobody said what system it is of."""
    text = _RAISED_TEN.sub(r"10^\1", text)
    text = " ".join(text.translate(_SIGNS).split())
    if not 0 < len(text) <= _LONGEST:
        return _UNKNOWN
    known = ALIASES.get(text)
    if known is not None:
        return NormalUnit(known, "alias") if known else _UNKNOWN
    parts = factors(text)
    if parts is not None and _is_meant(parts):
        code = _spelled(text)
        return NormalUnit(code, "ucum" if code == text else "spelling")
    folded = text.replace(" ", "").lower()
    code = FOLDED.get(folded) or _composed(text)
    return NormalUnit(code, "alias") if code else _UNKNOWN


def _is_meant(parts: tuple[Factor, ...]) -> bool:
    """Whether whoever wrote an expression without saying that it is UCUM will have meant it so."""
    if not any(part.atom or not part.text for part in parts):
        return False  # a number
    is_content = any(part.is_divisor and part.atom in {"L", "l"} for part in parts)
    for part in parts:
        atom = part.atom
        if atom and not atom.startswith("[") and part.prefix not in _USUAL.get(atom, ()):
            return False
        if part.is_divisor:
            continue
        if atom == "U" and not is_content:
            return False  # U/L is of an enzyme, while U, U/h and U/kg may be doses of anything
        if part.text == "m" and is_content:
            return False  # no length in a volume: somebody's word for a thousand or a million
    return True


def _spelled(expression: str) -> str:
    """The same expression with the letter L for litres, `[IU]`, and `10*`."""
    for part in dict.fromkeys(factors(expression) or ()):
        wanted = part.text
        if part.atom in {"l", "[iU]"}:
            wanted = wanted.replace("[iU]", "[IU]").replace("l", "L")
        elif part.atom == "10^":
            wanted = wanted.replace("10^", "10*")
        if wanted != part.text:
            found = re.compile(rf"(?<![^./(]){re.escape(part.text)}(?![^./)}}{{])")
            expression = found.sub(wanted, expression)
    return expression


def _composed(text: str) -> str:
    """A quotient of known words; empty where one is not known. Case counts in counts only."""
    upper, *lower = (part.strip() for part in text.split("/"))
    divisors = [_divisor(part) for part in lower]
    if not divisors or not all(divisors):
        return ""
    if not upper:
        made = ""
    elif divisors[0] in VOLUMES and (ten := _count(upper, divisors[0])):
        made = ten
    else:
        made = MEASURES.get(upper.lower().replace(" ", ""), "")
        if not made or (made in _CONTENTS and divisors[0] not in VOLUMES):
            return ""
    code = "/".join([made, *divisors])
    return code if factors(code) is not None else ""


def _count(word: str, volume: str) -> str:
    """A power of ten, with what is counted where that is said: `K`, `x10E3`, `thou cells`."""
    power = _TEN.match(word)
    if power:
        ten, rest = f"10*{int(power[1])}", word[power.end() :]
    else:
        first, _, rest = word.partition(" ")
        is_letter = first in {"K", "k", "M"} and volume in {"uL", "mm3", "mL"}
        ten = (
            COUNTS.get(first if is_letter else first.lower(), "")
            if is_letter or len(first) > 1
            else ""
        )
    counted = rest.strip().lower()
    if not ten or counted not in {"", "cells", "cell"}:
        return ""
    return ten + ("{cells}" if counted else "")


def _divisor(word: str) -> str:
    return DIVISORS.get(_EXPONENT.sub("", word.lower()).replace(" ", ""), "")
