"""What makes a message refused at intake, before it is stored as accepted.

Only what no later stage could mend: a message that cannot be routed, answered or ordered, or that
names no person. Everything else is accepted and judged by `services.transform`, since a refusal
costs the sender a repair while a wrong value costs one field. Issues name places, never values.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice

from plexus.api.canonical.v1.event_pb2 import SEVERITY_ERROR, Issue
from plexus.codecs.hl7v2.message import Message, Segment
from plexus.codecs.hl7v2.value import NULL, Value
from plexus.errors import Reason

__all__ = ["MAX_ISSUES", "check"]

MAX_ISSUES = 100
"""More than this many are not looked for: one message must not make an endless answer."""

_VERSION = re.compile(r"2\.[0-9](\.[0-9]{1,2})?")
_NOTHING = frozenset({"", NULL})
_WITHOUT_A_PERSON = frozenset({"A20"})  # bed status update: NPU and no PID (3.3.20)
# MRG-1 goes under PID-3 (3.6.2); by A47 (3.3.47) as the number that the patient had before.
# By A43 (3.3.43) it is what moves to PID-3.
_MERGES = frozenset({"A18", "A30", "A34", "A36", "A39", "A40", "A43", "A46", "A47", "A48"})
# Events of v2.4 and older about the numbers outside of PID-3, each with its prior one (3.3.39, 3.3.46, 3.3.48).
_OTHER_NUMBERS = {"A39": (2, 4), "A46": (2, 4), "A48": (4, 2)}
_MOVES = frozenset({"A45"})  # of the visits of MRG-5 from the patient of MRG-1 (3.3.45)
_LINKS = frozenset({"A24", "A37"})  # of the first PID and the second (3.3.24, 3.3.37)


def check(
    message: Message, supported: Mapping[str, frozenset[str]], *, keep_unsupported: bool = False
) -> list[Issue]:
    """Give the errors for which the message is to be refused; [] accepts it.

    Args:
        message: as read.
        supported: triggers that are accepted, by message code.
        keep_unsupported: accept other codes and triggers too, to be parked later. Their content is
            then not looked at.

    Returns:
        At most `MAX_ISSUES` issues of error severity: those of reading first, then in the order of
        the header and the segments.
    """
    return list(islice(_errors(message, supported, keep_unsupported), MAX_ISSUES))


def _error(reason: Reason.ValueType, location: str, detail: str) -> Issue:
    return Issue(severity=SEVERITY_ERROR, reason=reason, location=location, detail=detail)


def _missing(location: str) -> Issue:
    return _error(
        Reason.REASON_REQUIRED_FIELD_MISSING, location, f"{location} is required and has no value."
    )


def _no_segment(location: str) -> Issue:
    return _error(Reason.REASON_SEGMENT_SEQUENCE, location, f"Segment {location} is missing.")


def _errors(
    message: Message, supported: Mapping[str, frozenset[str]], keep_unsupported: bool
) -> Iterator[Issue]:
    yield from (issue for issue in message.issues if issue.severity == SEVERITY_ERROR)
    yield from _errors_of_header(message)
    code, trigger = message.code, message.trigger
    if not code:
        return
    if trigger not in supported.get(code, frozenset()):
        if keep_unsupported:
            return
        if code not in supported:
            yield _error(
                Reason.REASON_UNSUPPORTED_MESSAGE_TYPE,
                "MSH-9.1",
                "Messages of this type are not supported.",
            )
        else:
            yield _error(
                Reason.REASON_UNSUPPORTED_EVENT,
                "MSH-9.2",
                "This event of the message type is not supported.",
            )
        return
    if trigger not in _WITHOUT_A_PERSON:
        yield from _errors_of_person(message)
    if code == "ADT" and trigger in _MERGES:
        yield from _errors_of_merge(message, trigger)
    if code == "ADT" and trigger in _LINKS and len(message.all("PID")) == 1:
        yield _no_segment("PID[2]")
    if code == "ADT" and trigger in _MOVES:
        yield from _errors_of_move(message)
    if code == "ORU":
        yield from _errors_of_results(message)


@lru_cache(maxsize=64)
def _is_version(text: str) -> bool:
    return _VERSION.fullmatch(text) is not None


def _errors_of_header(message: Message) -> Iterator[Issue]:
    if not message.code:
        yield _missing("MSH-9")
    if not message.control_id:
        yield _missing("MSH-10")
    if not message.version:
        yield _missing("MSH-12")
    elif not _is_version(message.version):
        yield _error(
            Reason.REASON_UNSUPPORTED_VERSION, "MSH-12", "The version is not one of HL7 v2."
        )
    if len(message.all("MSH")) > 1:
        # Answering the first would lose the second.
        yield _error(
            Reason.REASON_SEGMENT_SEQUENCE, "MSH[2]", "A second message follows in the same block."
        )


def _errors_of_person(message: Message) -> Iterator[Issue]:
    patients = message.all("PID")
    if not patients:
        yield _no_segment("PID")
    for patient in patients:
        # Senders of v2.3 and older know the person by PID-2 alone (external id); PID-4 and
        # PID-18 are no substitute, the one has no defined authority and the other is an account.
        if not _usable(patient, 3) and not _usable(patient, 2):
            yield _missing(_place(patient, "-3.1"))


def _errors_of_merge(message: Message, trigger: str) -> Iterator[Issue]:
    number, prior = _OTHER_NUMBERS.get(trigger, (3, 1))
    merges = message.all("MRG")
    if not merges:
        yield _no_segment("MRG")
    patient: Segment | None = None
    for segment in message.segments:
        if segment.name == "PID":
            patient = segment
        elif segment.name == "MRG":
            priors = _usable(segment, prior)
            survivors = _usable(patient, number) if patient is not None else []
            if not priors:
                yield _missing(_place(segment, f"-{prior}.1"))
            elif survivors and all(
                any(_is_same(prior, survivor) for survivor in survivors) for prior in priors
            ):
                # One shared identifier, such as a national one, is no self merge: all must be.
                yield _error(
                    Reason.REASON_INVALID_MERGE,
                    _place(segment, f"-{prior}"),
                    "The merge names the surviving identifier as the one that goes under.",
                )


def _errors_of_move(message: Message) -> Iterator[Issue]:
    merges = message.all("MRG")
    if not merges:
        yield _no_segment("MRG")
    for segment in merges:
        for field in (1, 5):
            if not _usable(segment, field):
                yield _missing(_place(segment, f"-{field}.1"))


def _errors_of_results(message: Message) -> Iterator[Issue]:
    if message.first("OBR") is None:
        yield _no_segment("OBR")
    patient = message.first("PID")
    first = patient.position if patient is not None else -1
    for segment in message.segments:
        name = segment.name
        if name != "OBX" and name != "OBR":  # noqa: PLR1714 - every segment of every message
            continue
        if segment.position < first:
            yield _error(
                Reason.REASON_SEGMENT_SEQUENCE,
                f"{name}[{segment.index}]",
                f"{name} stands before PID.",
            )
        if name == "OBX":
            if segment.get(2) in _NOTHING and segment.get(5) not in _NOTHING:
                yield _missing(f"OBX[{segment.index}]-2")
            if not _has_code(segment):
                yield _missing(f"OBX[{segment.index}]-3")


def _has_code(observation: Segment) -> bool:
    if observation.repetition_count(3) == 1:
        return observation.raw(3) not in _NOTHING
    return any(not value.is_null and value.text for value in observation.repetitions(3))


def _place(segment: Segment, field: str) -> str:
    ordinal = f"[{segment.index}]" if segment.index > 1 else ""
    return f"{segment.name}{ordinal}{field}"


def _usable(segment: Segment, field: int) -> list[Value]:
    """Repetitions of an identifier field with an id in CX.1."""
    return [value for value in segment.repetitions(field) if value.get().strip() not in _NOTHING]


def _is_same(one: Value, other: Value) -> bool:
    """Same id by the same assigning authority (CX.1, CX.4): namespace or universal id agree."""
    if one.get().strip() != other.get().strip():
        return False
    mine = one.component(4)
    theirs = other.component(4)
    namespaces = mine.get(1), theirs.get(1)
    universals = mine.get(2), theirs.get(2)
    if all(universals):
        return universals[0] == universals[1]
    if all(namespaces):
        return namespaces[0] == namespaces[1]
    return not any(namespaces) and not any(universals)
