"""Two records beside each other, field by field, for somebody who has to decide. Holds patient data."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from services.identity.domain.normalisation import Features
from services.identity.domain.scoring import Model, Thresholds, Verdict, score
from services.identity.domain.scoring.levels import FIELDS

__all__ = ["ComparedField", "best_pair", "side_by_side"]


class ComparedField(NamedTuple):
    """A field of two records.

    Attributes:
        field: one of `scoring.levels.FIELDS`.
        one: what the one record says, in words; empty where nothing.
        other: what the other record says.
        level: how far they agree.
        bits: what that weighs.
    """

    field: str
    one: str
    other: str
    level: str
    bits: float


def best_pair(
    ones: Sequence[Features], others: Sequence[Features], model: Model, thresholds: Thresholds
) -> tuple[Features, Features, Verdict] | None:
    """The two records that agree best, and why; None where one side has none."""
    pairs = [(one, other, score(one, other, model, thresholds)) for one in ones for other in others]
    return max(pairs, key=lambda pair: pair[2].bits, default=None)


def side_by_side(one: Features, other: Features, verdict: Verdict) -> list[ComparedField]:
    """All fields of two records with what `verdict` gives for each."""
    rows = {row.what: row for row in verdict.rows}
    mine, theirs = _told(one), _told(other)
    return [
        ComparedField(field, mine[field], theirs[field], rows[field].level, rows[field].bits)
        for field in FIELDS
        if field in rows
    ]


def _told(features: Features) -> dict[str, str]:
    addresses = features.addresses
    birth = features.birth_date
    return {
        "name": _list(
            f"{' '.join(each.family)}, {each.first}{' (newborn)' if each.is_newborn else ''}"
            for each in features.names
        ),
        "middle": _list(" ".join(each.middle) for each in features.names),
        "birth_date": ""
        if birth is None
        else f"{birth.year:04d}-{birth.month:02d}-{birth.day:02d}",
        "sex": features.sex,
        "national_id": _list(f"{each.system} {each.value}" for each in features.national_ids),
        "address": _list(
            " ".join(filter(None, (each.number, each.street, each.unit))) for each in addresses
        ),
        "place": _list(
            " ".join(filter(None, (each.postal_code, each.city, each.state))) for each in addresses
        ),
        "contact": _list((*features.phones, *features.emails)),
    }


def _list(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(text for text in texts if text))
