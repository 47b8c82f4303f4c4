"""Rendered entries that are likely to be needed again.

A feed says the same of a patient with each update (who they are, next of kin, coverage, the visit),
and names the same few wards and physicians all day: most such entries were rendered before. An entry
follows from the resource, whom it is about, and where in the output its references lead; what it was
told of the last is kept with it and asked again.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import orjson

from plexus.codecs.fhir.elements import Json
from plexus.codecs.fhir.references import Links, Target
from plexus.codecs.fhir.resources import Content

__all__ = ["RECURRING", "RecentEntries"]

RECURRING: Final = frozenset(
    {
        "AllergyIntolerance",
        "Condition",
        "Coverage",
        "Encounter",
        "Location",
        "Organization",
        "Patient",
        "Practitioner",
        "RelatedPerson",
    }
)
"""FHIR types of which the same is said again and again. Results are news each time."""

# Of these an entry tells the same whomever it is sent along with.
_ABOUT_NOBODY: Final = frozenset({"Location", "Organization", "Practitioner"})
_MOST_BYTES: Final = 1024


class _Asked(Mapping[Target, str]):
    """The targets of an output, and what was asked of them."""

    def __init__(self, targets: Mapping[Target, str]) -> None:
        self._targets = targets
        self.answers: dict[Target, str] = {}

    def __getitem__(self, target: Target) -> str:
        self.answers[target] = answer = self._targets.get(target, "")
        return answer

    def __iter__(self) -> Iterator[Target]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)


class _Rendered(NamedTuple):
    data: bytes
    answers: tuple[tuple[Target, str], ...]
    entry: orjson.Fragment


class RecentEntries:
    """The entries that were asked for last, as JSON text. Holds patient data, in memory only."""

    def __init__(self, most: int = 16_384) -> None:
        """Remember at most that many; one is some 1.5 KB."""
        self._most = most
        self._known: OrderedDict[tuple[str, ...], _Rendered] = OrderedDict()

    def entry(
        self,
        key: str,
        content: Content,
        links: Links,
        render: Callable[[str, Content, Links], Json],
    ) -> orjson.Fragment:
        """`render(key, content, links)` as JSON text, remembered for small resources.

        Args:
            key: of the resource, or the person id for a Patient.
            content: a resource of one of the types RECURRING.
            links: of the output.
            render: makes the entry from these three and nothing else.
        """
        data = content.message.SerializeToString()
        if len(data) > _MOST_BYTES:
            return _dumped(render(key, content, links))
        tenant, targets = links.tenant, links.targets
        person_id = "" if content.fhir_type in _ABOUT_NOBODY else links.person_id
        place = (tenant, person_id, content.fhir_type, key)
        known = self._known.get(place)
        if known is not None and known.data == data:
            for target, answer in known.answers:
                if targets.get(target, "") != answer:
                    break
            else:
                self._known.move_to_end(place)
                return known.entry
        asked = _Asked(targets)
        made = _dumped(render(key, content, Links(tenant, person_id, asked)))
        self._known[place] = _Rendered(data, tuple(asked.answers.items()), made)
        self._known.move_to_end(place)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return made


def _dumped(entry: Json) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(entry))
