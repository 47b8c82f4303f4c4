"""The domain of transform: HL7 v2 messages to canonical events, by maps that people can review.

`notation`, `conditions`, `tables` and `structures` read the maps; `targets`, `library`, `reading`,
`reaching`, `constants`, `generate` and `compiling` check and compile them, `load` does it all once; `convert`
runs them with a `draft` in hand. `datatypes`, `values`, `places`, `citations` and `times` are what
maps cannot say; `kept` remembers codes; `overlay` changes maps for one source;
`parting` takes messages about several persons apart, `subjects` says whom an event is about;
`scopes` say what belongs together, `moving` which accounts and visits become another person's, and `profile` what was agreed with a partner. `code_maps` and `coder` say what the codes of a source mean beyond the source.
`tracing`, `dissecting`, `paths` and `lineage` tell where each leaf of a message went, `coverage` and `account` count, and
`preview` shows an event as a record's.
Pure: no I/O beyond reading maps.
"""

import importlib
from typing import TYPE_CHECKING

from services.transform.domain.account import Account, Accounts, UnmappedField
from services.transform.domain.code_maps import CodeMap, parse_code_map, read_code_map
from services.transform.domain.coder import Coder, Coders, Tally
from services.transform.domain.context import SourceContext
from services.transform.domain.convert import Conversion, convert, run, run_parts
from services.transform.domain.coverage import Coverage, coverage_of
from services.transform.domain.load import Maps, SourceMaps, load_maps, parse_maps
from services.transform.domain.overlay import Overlay, parse_overlay, read_overlay
from services.transform.domain.preview import PREVIEW, as_recorded
from services.transform.domain.profile import Profile, violations

if TYPE_CHECKING:
    from services.transform.domain.fhir_input import convert_fhir
    from services.transform.domain.lineage import (
        Explanation,
        LeafLineage,
        Target,
        explain,
        explain_parts,
    )

__all__ = [
    "PREVIEW",
    "Account",
    "Accounts",
    "CodeMap",
    "Coder",
    "Coders",
    "Conversion",
    "Coverage",
    "Explanation",
    "LeafLineage",
    "Maps",
    "Overlay",
    "Profile",
    "SourceContext",
    "SourceMaps",
    "Tally",
    "Target",
    "UnmappedField",
    "as_recorded",
    "convert",
    "convert_fhir",
    "coverage_of",
    "explain",
    "explain_parts",
    "load_maps",
    "parse_code_map",
    "parse_maps",
    "parse_overlay",
    "read_code_map",
    "read_overlay",
    "run",
    "run_parts",
    "violations",
]

# Imported when somebody asks for them: FHIR input and lineage take a fifth of the time to start, and
# who converts HL7 v2 needs neither.
_LATER = {
    "Explanation": "lineage",
    "LeafLineage": "lineage",
    "Target": "lineage",
    "convert_fhir": "fhir_input",
    "explain": "lineage",
    "explain_parts": "lineage",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
