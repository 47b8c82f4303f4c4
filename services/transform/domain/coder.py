"""What the codes of a source mean beyond the source: code maps are applied, the rest is counted.

While a message is converted, each concept that a map has read is shown to the coder of its source.
It adds what the code maps of the source say, beside the sender's codings and never instead of them;
a code that stays without a standard coding is counted, so that somebody can map it. Counting is not
part of the event: the same bytes and maps give the same event, whoever counts.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from plexus.api.canonical.v1.datatypes_pb2 import Coding, Concept
from plexus.codecs.terminology import (
    LOINC,
    SNOMED,
    code_system,
    has_loinc_check_digit,
    has_snomed_check_digit,
)
from services.transform.domain.code_maps import CodeMap
from services.transform.domain.wire import delimited, undelimited

if TYPE_CHECKING:  # they end where codes begin: importing them would go in a circle
    from services.transform.domain.load import SourceMaps

__all__ = ["Coder", "Coders", "Tally"]

_KEPT = 4096
_LONGEST_KEPT = 512
_MOST_TALLIES = 2000
_LONGEST_DISPLAY = 100
# Who names a system sends codes. Without one, a text that somebody typed must not pass for a code.
_CODE = re.compile(r"[A-Za-z0-9][\w.+\-/:*#%]{0,39}", re.ASCII)
_NAMED_CODE = re.compile(r"[A-Za-z0-9][\w.+\-/:*#% ]{0,39}", re.ASCII)
# Answers about a person: counted only where they are codes of a named system.
_ANSWERS = "OBX-5"


class Tally:
    """How often a code without a standard coding came.

    Attributes:
        tenant, source: who sent it.
        place: the field, as OBX-3.
        system: its URI, or the sender's name for it; empty where none was sent.
        code, display: as sent.
        rule: which counts it; other rules that read the same place do not.
        count: since it was last drained.
        message_id: a message that has it.
    """

    __slots__ = (
        "code",
        "count",
        "display",
        "message_id",
        "place",
        "rule",
        "source",
        "system",
        "tenant",
    )

    def __init__(self, owner: tuple[str, str], rule: str, coding: Coding) -> None:
        """Begin at none."""
        self.tenant, self.source = owner
        self.rule = rule
        self.place = _place_of(rule)
        self.system = _system_of(coding)
        self.code = coding.code
        self.display = coding.display[:_LONGEST_DISPLAY]
        self.count = 0
        self.message_id = ""


class _Meeting:
    """What becomes of a concept: it, completed, as a field holds it; and where it is counted."""

    __slots__ = ("said", "tally")

    def __init__(self, said: bytes, tally: Tally | None) -> None:
        self.said = said
        self.tally = tally


class Coder:
    """The code maps and the tallies of one source.

    Attributes:
        version: content hash of all that decides its events: the maps' where it has no code maps.
    """

    def __init__(
        self, maps_version: str, owner: tuple[str, str], code_maps: Sequence[CodeMap]
    ) -> None:
        """Be the coder of a source (tenant, name)."""
        self._owner = owner
        self._code_maps = tuple(code_maps)
        self._known: dict[tuple[str, bytes], _Meeting] = {}
        self._tallies: dict[tuple[str, str, str], Tally] = {}
        self.version = maps_version
        if code_maps:
            digest = hashlib.sha256(maps_version.encode())
            for one in self._code_maps:
                digest.update(one.digest.encode())
            self.version = digest.hexdigest()[:16]

    def told(self, rule: str, said: bytes, message_id: str) -> bytes:
        """Complete a concept, and count it where nobody knows what it means.

        Args:
            rule: place and rule that read it, as "OBX-3 segments/OBX.map:4".
            said: what it made of it, as a field holds it (see `wire`).
            message_id: of the message.

        Returns:
            The completed concept, as a field holds it.
        """
        met = self._known.get((rule, said))
        if met is None:
            met = self._look(rule, said)
            if len(said) <= _LONGEST_KEPT:
                if len(self._known) >= _KEPT:
                    self._known.clear()
                self._known[rule, said] = met
        if (tally := met.tally) is not None:
            tally.count += 1
            tally.message_id = message_id
        return met.said

    def meet(self, rule: str, concept: Concept, message_id: str) -> None:
        """The same for a concept that is filled already."""
        said = delimited(concept)
        completed = self.told(rule, said, message_id)
        if completed is not said:
            concept.ParseFromString(undelimited(completed))

    def decides(self, place: str, system: str, code: str) -> bool:
        """Whether a code map says what to do with a code, be it nothing."""
        return any(
            one.source == system and code in one.rows and (not one.places or place in one.places)
            for one in self._code_maps
        )

    def drain(self) -> list[Tally]:
        """The tallies that are not zero. They begin anew, and so do those of the coder."""
        found = [tally for tally in self._tallies.values() if tally.count]
        self._tallies.clear()
        self._known.clear()
        return found

    def _look(self, rule: str, said: bytes) -> _Meeting:
        place = _place_of(rule)
        concept, added = Concept.FromString(undelimited(said)), Concept()
        is_decided = False
        for coding in concept.codings:
            system = _system_of(coding)
            for one in self._code_maps:
                if one.source != system or (one.places and place not in one.places):
                    continue
                row = one.rows.get(coding.code)
                if row is None:
                    continue
                is_decided = True
                if row.is_added and not any(
                    known.system == one.target and known.code == row.code
                    for known in (*concept.codings, *added.codings)
                ):
                    added.codings.add(system=one.target, code=row.code, display=row.display)
        if is_decided or any(map(_is_standard, concept.codings)):
            if not added.codings:
                return _Meeting(said, None)
            concept.MergeFrom(added)
            return _Meeting(delimited(concept), None)
        return _Meeting(said, self._tally(rule, concept))

    def _tally(self, rule: str, concept: Concept) -> Tally | None:
        coding = next((coding for coding in concept.codings if coding.code), None)
        if coding is None:
            return None
        place, system = _place_of(rule), _system_of(coding)
        wanted = _NAMED_CODE if system else _CODE
        if not wanted.fullmatch(coding.code) or (place.startswith(_ANSWERS) and not system):
            return None
        at = (place, system, coding.code)
        tally = self._tallies.get(at)
        if tally is None and len(self._tallies) < _MOST_TALLIES:
            tally = self._tallies[at] = Tally(self._owner, rule, coding)
        return tally if tally is not None and tally.rule == rule else None


class Coders:
    """The coders of all sources; one that is not listed has no code maps and is counted too."""

    def __init__(
        self, maps: "SourceMaps", code_maps: Mapping[tuple[str, str], Sequence[CodeMap]]
    ) -> None:
        """Know the code maps by source (tenant, name), beside the maps whose versions count."""
        self._maps = maps
        self._left: list[Tally] = []
        self._coders: dict[tuple[str, str], Coder] = {}
        self._code_maps = code_maps

    def use(self, code_maps: Mapping[tuple[str, str], Sequence[CodeMap]]) -> None:
        """From the next message on, these are the code maps. What was counted stays counted."""
        self._left += self.drain()
        self._coders = {}
        self._code_maps = code_maps

    def of(self, tenant: str, source: str) -> Coder:
        """The coder of a source."""
        owner = (tenant, source)
        coder = self._coders.get(owner)
        if coder is None:
            version = self._maps.of(tenant, source).version
            coder = Coder(version, owner, self._code_maps.get(owner, ()))
            self._coders[owner] = coder
        return coder

    def preview(self, tenant: str, source: str) -> Coder:
        """A coder of a source that is drained by nobody, for a look."""
        owner = (tenant, source)
        return Coder(self._maps.of(*owner).version, owner, self._code_maps.get(owner, ()))

    def drain(self) -> list[Tally]:
        """The tallies of all sources."""
        left, self._left = self._left, []
        return left + [tally for coder in self._coders.values() for tally in coder.drain()]


def _place_of(rule: str) -> str:
    return rule.partition(" ")[0]


def _system_of(coding: Coding) -> str:
    return coding.system or coding.system_name


def _is_standard(coding: Coding) -> bool:
    """Whether others know what a coding means: its system is a known one, and has such a code."""
    if not coding.system or not coding.code:
        return False
    if coding.system == LOINC:
        return has_loinc_check_digit(coding.code)
    if coding.system == SNOMED:
        return has_snomed_check_digit(coding.code)
    system = code_system(coding.system)
    return system is None or coding.code in system.codes
