"""The rules of evidence, pure.

`standing` says how a message stands after any set of custody entries; `conservation` adds standings
up to the law; `evidence` says which entries and events can be kept at all.
"""

from services.audit.domain.conservation import LegTally, Tally, destinations, feeds, reasons
from services.audit.domain.evidence import canonical, check_custody, check_event, flaw_of, moment_of
from services.audit.domain.standing import Leg, LegState, Standing, deciding

__all__ = [
    "Leg",
    "LegState",
    "LegTally",
    "Standing",
    "Tally",
    "canonical",
    "check_custody",
    "check_event",
    "deciding",
    "destinations",
    "feeds",
    "flaw_of",
    "moment_of",
    "reasons",
]
