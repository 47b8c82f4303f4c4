"""Purposes of use and actions: which codes there are, and which purpose covers which.

Purposes are PurposeOfUse of HL7 v3-ActReason 4.0.0, actions are HL7 consentaction 1.0.1. A purpose
covers those below it and never one above: who may treat may treat in an emergency, but who may read
in an emergency may not read at any other time.
"""

from collections.abc import Iterator, Mapping
from typing import Final

__all__ = ["ACTIONS", "BREAK_GLASS", "PURPOSES", "covers"]

ACTIONS: Final = frozenset({"collect", "access", "use", "disclose", "correct"})
"""Codes of http://terminology.hl7.org/CodeSystem/consentaction."""

BREAK_GLASS: Final = "BTG"
"""Override by people who hold no right of their own: nobody gets it by way of another purpose."""

_Tree = Mapping[str, "_Tree"]

_TREE: Final[_Tree] = {
    "HMARKT": {},
    "HOPERAT": {
        "CAREMGT": {},
        "DONAT": {},
        "FRAUD": {},
        "GOV": {},
        "HACCRED": {},
        "HCOMPL": {},
        "HDECD": {},
        "HDIRECT": {},
        "HDM": {},
        "HLEGAL": {},
        "HOUTCOMS": {},
        "HPRGRP": {},
        "HQUALIMP": {},
        "HSYSADMIN": {"LABELING": {}, "METAMGT": {}},
        "MEMADMIN": {},
        "MILCDM": {},
        "MLTRAINING": {},
        "PATADMIN": {},
        "PATSFTY": {},
        "PERFMSR": {},
        "RECORDMGT": {},
        "SYSDEV": {"HTEST": {}},
        "TRAIN": {},
    },
    "HPAYMT": {
        "CLMATTCH": {},
        "COVAUTH": {},
        "COVERAGE": {"ELIGDTRM": {}, "ELIGVER": {}, "ENROLLM": {}, "MILDCRG": {}},
        "PMTDS": {},
        "REMITADV": {},
    },
    "HRESCH": {
        "BIORCH": {},
        "CLINTRCH": {"CLINTRCHNPC": {}, "CLINTRCHPC": {}, "PRECLINTRCH": {}},
        "DSRCH": {},
        "POARCH": {},
        "TRANSRCH": {},
    },
    "PATRQT": {"FAMRQT": {}, "PWATRNY": {}, "SUPNWK": {}},
    "PUBHLTH": {"DISASTER": {}, "THREAT": {}},
    "TREAT": {
        "CLINTRL": {},
        "COC": {},
        "ETREAT": {"BTG": {}, "ERTREAT": {}},
        "POPHLTH": {},
        "TREATDS": {},
    },
}


def _with_ancestors(tree: _Tree, above: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for code, below in tree.items():
        line = above | {code}
        yield code, line
        yield from _with_ancestors(below, line)


_COVERED_BY: Final = dict(_with_ancestors(_TREE, frozenset()))

PURPOSES: Final = frozenset(_COVERED_BY)
"""Every known purpose of use. What is not here is unknown, and unknown is denied."""


def covers(general: str, special: str) -> bool:
    """True where `special` is `general` or stands below it; false for unknown codes."""
    return general in _COVERED_BY.get(special, frozenset())
