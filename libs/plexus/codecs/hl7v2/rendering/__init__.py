"""Canonical events as HL7 v2.5.1 messages, for receivers that speak nothing else.

A pure function: the same event gives the same bytes, control id included, so that a message sent
again is recognised. It writes ADT (A01, A03, A04, A08, A24, A37, A40), ORU^R01, SIU (S12, S13, S15) and
MDM^T02, in any character set that keeps the separators; what a character set has no character for is
"?". What it covers is in the tables of docs/v2-out.md.
"""

import dataclasses
import hashlib
from collections.abc import Iterator
from typing import Final

from plexus.api.canonical.v1.datatypes_pb2 import Reference
from plexus.api.canonical.v1.event_pb2 import EVENT_KIND_MERGE, EVENT_KIND_MOVE, CanonicalEvent
from plexus.api.canonical.v1.resources_pb2 import Person, Resource
from plexus.codecs.hl7v2.charsets import codec_of
from plexus.codecs.hl7v2.rendering.acts import ActSegments
from plexus.codecs.hl7v2.rendering.people import PersonSegments
from plexus.codecs.hl7v2.rendering.results import ResultSegments
from plexus.errors import ConfigurationError, InvalidMessage, Reason

__all__ = ["Header", "render_v2", "trigger_of"]

_STRUCTURES: Final = {
    "ADT^A01": "ADT_A01", "ADT^A03": "ADT_A03", "ADT^A04": "ADT_A01", "ADT^A08": "ADT_A01",
    "ADT^A24": "ADT_A24", "ADT^A37": "ADT_A37", "ADT^A40": "ADT_A39", "ORU^R01": "ORU_R01", "SIU^S12": "SIU_S12", "SIU^S13": "SIU_S12",
    "SIU^S15": "SIU_S12", "MDM^T02": "MDM_T02",
}  # fmt: skip


_ABOUT_TWO: Final = frozenset({"ADT^A24", "ADT^A37"})
"""Links and unlinks: the second PID is the other person (HL7 v2.5.1 3.3.24, 3.3.37)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Header:
    """What MSH says of the two sides.

    Attributes:
        sending, receiving: application and facility.
        charset: MSH-18, a name of HL7 table 0211; empty for ASCII, which is HL7's default.
        processing_id: MSH-11: P, T or D.
    """

    sending: tuple[str, str] = ("PLEXUS", "")
    receiving: tuple[str, str] = ("", "")
    charset: str = "UNICODE UTF-8"
    processing_id: str = "P"


def trigger_of(event: CanonicalEvent) -> str:
    """The message that says most of the event: its own where we write that, else by what it holds."""
    if event.kind == EVENT_KIND_MERGE:
        return "ADT^A40"
    if event.trigger in _STRUCTURES:
        return event.trigger
    kinds = {resource.WhichOneof("content") for resource in event.resources}
    if "diagnostic_report" in kinds:
        return "ORU^R01"
    for resource in event.resources:
        if resource.HasField("appointment"):
            return "SIU^S15" if resource.appointment.status == "cancelled" else "SIU^S13"
    return "MDM^T02" if "document_reference" in kinds else "ADT^A08"


def render_v2(event: CanonicalEvent, header: Header = Header()) -> bytes:
    """Write the message of an event, without MLLP framing.

    Raises:
        InvalidMessage: REASON_RENDERING_FAILED where the event names no person, deletes one, or moves
            what is one's to another: no message that is written here says that.
        ConfigurationError: the character set is unknown.
    """
    codec = codec_of(header.charset or "ASCII")
    if codec is None:
        raise ConfigurationError("the character set of a destination is not one of HL7 table 0211")
    if not event.subject:
        raise InvalidMessage("the event names no person", reason=Reason.REASON_RENDERING_FAILED)
    if event.kind == EVENT_KIND_MOVE or any(
        each.deleted and each.HasField("person") for each in event.resources
    ):
        raise InvalidMessage(
            "moves and deletions are not written as HL7 v2", reason=Reason.REASON_RENDERING_FAILED
        )
    return _Message(event, header).write(codec)


class _Segments(PersonSegments, ResultSegments, ActSegments):
    """All of them."""


class _Message:
    def __init__(self, event: CanonicalEvent, header: Header) -> None:
        self._event = event
        self._header = header
        self._trigger = trigger_of(event)
        self._by_key = {each.key: each for each in event.resources}
        self._to = _Segments(self._by_key)

    def write(self, codec: str) -> bytes:
        to = self._to
        body = [each for each in (*self._opening(), *self._rest()) if each]
        return to.message([self._msh(body), *body], codec)

    def _of(self, kind: str) -> Iterator[Resource]:
        return (
            each
            for each in self._event.resources
            if each.WhichOneof("content") == kind and not each.deleted
        )

    def _msh(self, body: list[str]) -> str:
        to, header = self._to, self._header
        code, trigger = self._trigger.split("^")
        sides = (*header.sending, *header.receiving, header.charset, header.processing_id)
        said = "\r".join((self._trigger, self._event.event_time, *sides, *body))
        control_id = hashlib.blake2b(said.encode(), digest_size=10).hexdigest().upper()
        encoding = "^~\\&"
        return to.segment(
            "MSH", encoding, *map(to.text, (*header.sending, *header.receiving)),
            to.time(self._event.event_time), "",
            to.parts(code, trigger, _STRUCTURES[self._trigger]), control_id,
            header.processing_id, "2.5.1", "", "", "", "", "", to.text(header.charset),
        )  # fmt: skip

    def _opening(self) -> Iterator[str]:
        """What comes before the rest: the event or the appointment, and the person."""
        to = self._to
        code, _, trigger = self._trigger.partition("^")
        if code in {"ADT", "MDM"}:
            yield to.row("EVN", {1: trigger, 2: to.time(self._event.event_time)})
        if code == "SIU":
            for each in self._of("appointment"):
                yield to.sch(each.appointment)
                yield to.row("NTE", {3: to.text(each.appointment.comment)})
                break
        person = next((each.person for each in self._of("person")), Person())
        if not person.identifiers:
            person = Person(identifiers=self._event.subject)
        yield to.pid(person)
        yield to.pd1(person)

    def _rest(self) -> Iterator[str]:
        to = self._to
        kind = self._trigger[:3]
        if self._trigger == "ADT^A40":
            yield to.row("MRG", {1: to.each(map(to.cx, self._event.prior))})
            return
        if self._trigger in _ABOUT_TWO:
            yield to.pid(Person(identifiers=self._event.prior))
            return
        if kind in {"ADT", "ORU"}:
            for number, each in enumerate(self._of("related_person"), 1):
                yield to.nk1(number, each.related_person)
        for each in self._of("encounter"):
            yield to.pv1(each.encounter)
            yield to.pv2(each.encounter) if kind in {"ADT", "ORU"} else ""
            break
        if kind == "ADT":
            yield from self._clinical()
        elif kind == "ORU":
            yield from self._reported()
        elif kind == "MDM":
            yield from self._documented()

    def _clinical(self) -> Iterator[str]:
        to = self._to
        for number, each in enumerate(self._of("observation"), 1):
            yield from to.obx(number, each.observation)
        for number, each in enumerate(self._of("allergy"), 1):
            yield to.al1(number, each.allergy)
        for number, each in enumerate(self._of("condition"), 1):
            yield to.dg1(number, each.condition)
        for number, each in enumerate(self._of("procedure"), 1):
            yield to.pr1(number, each.procedure)
        for number, each in enumerate(self._of("coverage"), 1):
            yield to.in1(number, each.coverage)

    def _reported(self) -> Iterator[str]:
        to = self._to
        for number, each in enumerate(self._of("diagnostic_report"), 1):
            report = each.diagnostic_report
            requester = Reference()
            for reference in report.based_on:
                order = self._by_key.get(reference.key)
                if order is not None and order.HasField("service_request"):
                    requester = order.service_request.requester
                    yield to.orc(order.service_request)
                    break
            yield to.obr(number, report, requester)
            yield from to.notes(report.notes)
            results = (self._by_key.get(reference.key) for reference in report.results)
            for place, result in enumerate((each for each in results if each is not None), 1):
                yield from to.obx(place, result.observation)
            samples = (self._by_key.get(reference.key) for reference in report.specimens)
            for place, sample in enumerate((each for each in samples if each is not None), 1):
                yield to.spm(place, sample.specimen)

    def _documented(self) -> Iterator[str]:
        to = self._to
        for each in self._of("document_reference"):
            document = each.document_reference
            yield to.txa(document)
            contents = [to.attachment(one) for one in document.contents]
            if document.text:
                contents.insert(0, ("TX", to.text(document.text), ""))
            for number, (kind, value, _) in enumerate(contents, 1):
                yield to.row(
                    "OBX", {1: str(number), 2: kind, 3: to.cwe(document.type), 5: value, 11: "F"}
                )
            break
