"""How fast directives decide: single decisions, and the screening of a bundle, in one process.

Directives, requests and data differ from each other, and each is decided in turn, so that nothing is
decided twice in a row. Time is CPU time, the best of several rounds.
"""

import dataclasses
import datetime
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from plexus.codecs.terminology.systems import LOINC, THO
from services.consent.domain.codes import RESOURCE_TYPES
from services.consent.domain.engine import Directives, Rulebook, TableDefault
from services.consent.domain.questions import Datum, Request
from services.consent.domain.reading import read_directive
from services.consent.domain.times import span

__all__ = ["DecisionFigures", "measure_decisions"]

_ROUNDS: Final = 5
_BUNDLE: Final = 100
_NOW: Final = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
_TYPES: Final = ("Observation", "Condition", "Encounter", "MedicationRequest", "DiagnosticReport")


@dataclasses.dataclass(frozen=True, slots=True)
class DecisionFigures:
    """What was measured.

    Attributes:
        per_second: decisions a second on one core, directives of 5 provisions.
        bundle_seconds: CPU seconds to decide on 100 resources of one request.
        compile_seconds: CPU seconds to read and compile one directive.
        permitted: share of the decisions that permit: the questions are no trivial ones.
    """

    per_second: float
    bundle_seconds: float
    compile_seconds: float
    permitted: float


def _directive(number: int) -> dict[str, Any]:
    """A directive of five provisions, one of them nested."""

    def coding(system: str, code: str) -> dict[str, str]:
        return {"system": system, "code": code}

    def who(name: str) -> list[dict[str, Any]]:
        return [{"reference": {"reference": name}}]

    return {
        "resourceType": "Consent",
        "id": f"c{number}",
        "status": "active",
        "dateTime": "2025-01-01",
        "provision": {
            "type": "permit",
            "purpose": [coding(f"{THO}v3-ActReason", code) for code in ("TREAT", "HPAYMT")],
            "period": {"start": "2025", "end": "2027"},
            "provision": [
                {"type": "deny", "securityLabel": [coding(f"{THO}v3-Confidentiality", "R")]},
                {
                    "type": "deny",
                    "actor": who(f"Organization/{number % 7}"),
                    "provision": [
                        {"type": "permit", "class": [coding(RESOURCE_TYPES, "Encounter")]}
                    ],
                },
                {"type": "deny", "code": [{"coding": [coding(LOINC, f"{number % 50}-1")]}]},
                {"type": "deny", "dataPeriod": {"end": f"20{10 + number % 10}"}},
            ],
        },
    }


def _requests() -> list[Request]:
    return [
        Request.of(
            purposes=[purpose],
            actors=[f"Practitioner/{number}", f"Organization/{number % 11}"],
            action="disclose",
            now=_NOW + datetime.timedelta(minutes=number),
        )
        for number, purpose in enumerate(("TREAT", "ETREAT", "HPAYMT", "COC", "HMARKT") * 13)
    ]


def _data() -> list[Datum]:
    return [
        Datum.of(
            kind=_TYPES[number % 5],
            labels=["conf|R"] if number % 9 == 0 else [],
            codes=[f"{LOINC}|{number}-1"],
            date=span(f"20{12 + number % 13}-05-01", datetime.UTC),
            authors=(),
            related=(),
            own=f"{_TYPES[number % 5]}/{number}",
        )
        for number in range(_BUNDLE)
    ]


def _best(work: Callable[[], int]) -> float:
    """CPU seconds of one of the units that `work` counts."""
    found = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        count = work()
        found.append((time.process_time() - began) / count)
    return min(found)


def measure_decisions() -> DecisionFigures:
    """Measure; takes a few seconds."""
    default = TableDefault(frozenset())
    raw = [_directive(number) for number in range(200)]
    books = [Rulebook(Directives([read_directive(each)]), default) for each in raw]
    requests, data = _requests(), _data()
    asked = [
        (books[n % len(books)], requests[n % len(requests)], data[n % len(data)])
        for n in range(20_000)
    ]

    def decide() -> int:
        for book, request, datum in asked:
            book.decide(request, datum)
        return len(asked)

    def screen() -> int:
        for book, request in zip(books, requests * 4, strict=False):
            _screen(book, request, data)
        return len(books)

    def compile_all() -> int:
        for each in raw:
            read_directive(each)
        return len(raw)

    return DecisionFigures(
        per_second=1 / _best(decide),
        bundle_seconds=_best(screen),
        compile_seconds=_best(compile_all),
        permitted=sum(book.decide(r, d).is_permit for book, r, d in asked) / len(asked),
    )


def _screen(book: Rulebook, request: Request, data: Sequence[Datum]) -> int:
    decide = book.screen(request).decide
    return sum(decide(datum).is_permit for datum in data)
