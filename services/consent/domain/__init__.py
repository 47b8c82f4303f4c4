"""The rules of consent, pure: no I/O and no clock, the same bytes in give the same bytes out.

`purposes` knows the purposes of use and what covers what; `policy` is the default policy table;
`decisions` turns a request into a decision, and holds the seam for directives of persons.
"""

from services.consent.domain.decisions import Decider, DefaultDecider
from services.consent.domain.policy import ANY, Effect, Policy, Rule, Verdict
from services.consent.domain.purposes import ACTIONS, PURPOSES, covers

__all__ = [
    "ACTIONS",
    "ANY",
    "PURPOSES",
    "Decider",
    "DefaultDecider",
    "Effect",
    "Policy",
    "Rule",
    "Verdict",
    "covers",
]
