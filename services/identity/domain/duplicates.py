"""Persons that are kept apart and may be one, by all records that are held. Pure.

What linking finds as records arrive depends on what was known then; this looks at all of them at once.
"""

from collections.abc import Sequence
from typing import NamedTuple

from services.identity.domain.blocking import blocking_keys
from services.identity.domain.blocks import Blocks
from services.identity.domain.normalisation import Features
from services.identity.domain.parting import Run, in_turn, ranges
from services.identity.domain.scoring import Model, Thresholds, Verdict, score

__all__ = ["Duplicate", "duplicates"]

_PART = 1000


class Duplicate(NamedTuple):
    """Two persons, and the verdict on those of their records that agree best.

    Attributes:
        person_id: the lesser of the two.
        other_person: the other one.
        verdict: with its explanation; no values.
    """

    person_id: str
    other_person: str
    verdict: Verdict


class _Work(NamedTuple):
    records: Sequence[Features]
    persons: Sequence[str]
    blocks: Blocks
    model: Model
    thresholds: Thresholds


def duplicates(
    records: Sequence[Features],
    persons: Sequence[str],
    model: Model,
    thresholds: Thresholds,
    run: Run = in_turn,
) -> list[Duplicate]:
    """Each pair of persons once whose records score for review or better, the likeliest first.

    `persons` says for each record whose it is.
    """
    blocks = Blocks()
    for features in records:
        blocks.add(key.number for key in blocking_keys("", features))
    blocks.close()
    best: dict[tuple[str, str], tuple[float, int, int]] = {}
    work = _Work(records, persons, blocks, model, thresholds)
    for found in run(_look, work, ranges(len(records), _PART)):
        for bits, one, other in found:
            pair = tuple(sorted((persons[one], persons[other])))
            key = (pair[0], pair[1])
            best[key] = max(best.get(key, (thresholds.review, -1, -1)), (bits, one, other))
    ranked = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))
    return [
        Duplicate(*pair, score(records[one], records[other], model, thresholds))
        for pair, (_, one, other) in ranked
    ]


def _look(work: _Work, part: range) -> list[tuple[float, int, int]]:
    records, persons, blocks, model, thresholds = work
    found: list[tuple[float, int, int]] = []
    for one in part:
        for other in blocks.after(one):
            if persons[one] != persons[other]:
                bits = score(records[one], records[other], model, thresholds, is_brief=True).bits
                if bits >= thresholds.review:
                    found.append((bits, one, other))
    return found
