"""Whether a text is a unit in UCUM, case sensitive ("c/s") form.

    term      = ["/"] component { ("." | "/") component }
    component = ("(" term ")" | number | atom [exponent]) [annotation] | annotation

An atom is a unit of the UCUM tables, with a prefix where it is metric.
"""

import functools
import re
from typing import Final

from plexus.codecs.fhir.definitions import units

__all__ = ["is_unit"]

_NUMBER: Final = re.compile(r"[0-9]+")
_EXPONENT: Final = re.compile(r"[+-]?[0-9]+")
_ANNOTATION: Final = re.compile(r"\{[\x21-\x7a\x7c\x7e]*?\}")
# What is in brackets may hold anything; elsewhere a digit, sign or operator ends an atom.
_ATOM: Final = re.compile(r"10[*^]|(?:\[[^\[\]\s]+\]|[A-Za-z_%'\"])+")
_DEEPEST: Final = 20


@functools.lru_cache(maxsize=8192)
def is_unit(text: str) -> bool:
    """True for a UCUM code such as mmol/L, 10*3/uL, mm[Hg], {score} or 1."""
    if not text or len(text) > 200 or not text.isascii():
        return False
    end = _term(text, 0, 0)
    return end == len(text)


def _term(text: str, at: int, depth: int) -> int:
    """The place behind a term that begins at `at`; -1 where there is none."""
    if depth > _DEEPEST:
        return -1
    if text.startswith("/", at):
        at += 1
    at = _component(text, at, depth)
    while 0 <= at < len(text) and text[at] in "./":
        at = _component(text, at + 1, depth)
    return at


def _component(text: str, at: int, depth: int) -> int:
    if text.startswith("(", at):
        end = _term(text, at + 1, depth + 1)
        if end < 0 or not text.startswith(")", end):
            return -1
        # Not in the grammar of UCUM, but in its table of examples: U/(10.g){feces}.
        annotation = _ANNOTATION.match(text, end + 1)
        return annotation.end() if annotation else end + 1
    start = at
    if atom := _ATOM.match(text, at):
        if not _is_atom(atom[0]):
            return -1
        at = atom.end()
        if exponent := _EXPONENT.match(text, at):
            at = exponent.end()
    elif number := _NUMBER.match(text, at):
        at = number.end()
    if annotation := _ANNOTATION.match(text, at):
        at = annotation.end()
    return at if at > start else -1


def _is_atom(text: str) -> bool:
    known = units()
    if text in known["metric"] or text in known["plain"]:
        return True
    return any(
        text[:length] in known["prefix"] and text[length:] in known["metric"] for length in (1, 2)
    )
