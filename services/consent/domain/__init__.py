"""The rules of consent, pure: no I/O and no clock, the same bytes in give the same bytes out.

`purposes` knows the purposes of use and what covers what; `policy` is the default policy table.
Directives of persons: `reading`, `compiling` and `elements` make `rules` of FHIR, `matching` says which of
them decides, `engine` puts them together with `statutes` and the default. `laws` are those of a tenant, `labelling` says which data are sensitive, `strangers` whom a source's directive names.
`decisions` turns a request of the mesh into a decision, `explaining` tells who may have what.
"""

from services.consent.domain.decisions import NO_DIRECTIVES, Decider
from services.consent.domain.engine import BreakGlass, Directives
from services.consent.domain.explaining import explained
from services.consent.domain.labelling import Labeller, read_label_rules
from services.consent.domain.laws import Laws
from services.consent.domain.policy import ANY, Effect, Policy, Rule, Verdict
from services.consent.domain.purposes import ACTIONS, PURPOSES, covers
from services.consent.domain.questions import with_parents
from services.consent.domain.reading import Directive, read_directive
from services.consent.domain.strangers import as_told_by

__all__ = [
    "ACTIONS",
    "ANY",
    "NO_DIRECTIVES",
    "PURPOSES",
    "BreakGlass",
    "Decider",
    "Directive",
    "Directives",
    "Effect",
    "Labeller",
    "Laws",
    "Policy",
    "Rule",
    "Verdict",
    "as_told_by",
    "covers",
    "explained",
    "read_directive",
    "read_label_rules",
    "with_parents",
]
