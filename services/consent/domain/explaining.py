"""Who may have what of a person, as a table: each row is decided as a disclosure would be."""

import datetime
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from plexus.api.consent.v1 import consent_pb2
from services.consent.domain.codes import CONFIDENTIALITY
from services.consent.domain.decisions import Decider
from services.consent.domain.engine import Directives
from services.consent.domain.purposes import BREAK_GLASS

__all__ = ["MOST_ROWS", "explained"]

MOST_ROWS: Final = 10_000
"""Rows of a table; further combinations are left out."""

_TYPES: Final = frozenset(
    {"Condition", "DocumentReference", "Encounter", "MedicationRequest", "Observation", "Patient"}
)
_PURPOSES: Final = frozenset({"TREAT", "ETREAT", "HPAYMT", "HOPERAT", "HRESCH", "PUBHLTH"})
_LABELS: Final = frozenset({"", f"{CONFIDENTIALITY}|R", f"{CONFIDENTIALITY}|V"})


def explained(
    decider: Decider,
    directives: Directives,
    *,
    tenant: str,
    person_id: str,
    recipients: Iterable[str],
    purposes: Sequence[str],
    now: datetime.datetime,
    beside: Directives | None = None,
) -> Iterator[consent_pb2.Ruled]:
    """Decide on every combination of recipient, purpose, type and label, for the action disclose.

    Types and labels are the common ones and those that the directives name. `beside` holds others
    whose types and labels count too, so that two tables have the same rows.
    """
    named = directives.named() | (beside.named() if beside is not None else frozenset())
    kinds = _TYPES | {name.rpartition("|")[2] for what, name in named if what == "class"}
    labels = _LABELS | {name for what, name in named if what == "label"}
    whys = sorted(set(purposes) or _PURPOSES - {BREAK_GLASS})
    rows = itertools.product(sorted(set(recipients)), whys, sorted(kinds), sorted(labels))
    for recipient, purpose, kind, label in itertools.islice(rows, MOST_ROWS):
        request = consent_pb2.DisclosureRequest(
            tenant=tenant,
            person_id=person_id,
            recipient=recipient,
            purpose=purpose,
            action="disclose",
            resource_types=[kind],
            data=[consent_pb2.Datum(resource_type=kind, labels=[label] if label else [])],
        )
        yield consent_pb2.Ruled(
            recipient=recipient,
            purpose=purpose,
            resource_type=kind,
            label=label,
            decision=decider.decide(request, directives, now),
        )
