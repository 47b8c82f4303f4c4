"""What sources say of consent, told to consent before anybody hears of the change.

A FHIR Consent is a directive, and a merge joins the directives of two persons. Both are told in the
order of the stream, and before the batch is committed: so everything that comes later about the person is
decided with them. Where consent cannot be asked the batch waits.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from plexus.actors import Turn
from plexus.api.canonical.v1.event_pb2 import EventKind
from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.api.consent.v1 import consent_pb2, consent_pb2_grpc
from plexus.rpc import Peer
from services.records.actors import Arrival
from services.records.domain import Record
from services.records.store import RecordKey

__all__ = ["ConsentTeller", "directives_in"]

_OPAQUE: Final = "Opaque"
_CONSENT: Final = "Consent"
_MOST_AT_ONCE: Final = 1000
_MOST_BYTES: Final = 1024 * 1024
_MOST_BYTES_AT_ONCE: Final = 3 * 1024 * 1024
_SECONDS: Final = 10.0


class ConsentTeller:
    """Tells consent."""

    def __init__(self, consent: Peer) -> None:
        self._consent = consent
        self._take = consent_pb2_grpc.ConsentServiceStub(consent.channel).TakeConsents

    async def tell(self, told: Sequence[consent_pb2.ToldConsent], traceparent: str) -> None:
        """Tell it all, in order.

        Raises:
            Transient: consent cannot be asked now.
        """
        for part in _parted(told):
            await self._consent.ask(
                self._take,
                consent_pb2.TakeConsentsRequest(told=part),
                deadline_seconds=_SECONDS,
                traceparent=traceparent,
            )


def _parted(
    told: Iterable[consent_pb2.ToldConsent],
) -> Iterator[list[consent_pb2.ToldConsent]]:
    part: list[consent_pb2.ToldConsent] = []
    size = 0
    for each in told:
        if part and (len(part) == _MOST_AT_ONCE or size + len(each.content) > _MOST_BYTES_AT_ONCE):
            yield part
            part, size = [], 0
        part.append(each)
        size += len(each.content)
    if part:
        yield part


def directives_in(
    work: Iterable[tuple[Turn, RecordKey, Arrival]], records: Mapping[RecordKey, Record]
) -> list[consent_pb2.ToldConsent]:
    """What consent is to know of a batch whose turns were taken, in its order.

    Of a directive it is what stands in the record afterwards: a late message changes nothing.
    """
    found: list[consent_pb2.ToldConsent] = []
    for _, key, arrival in work:
        record = records[key]
        if record.merged_into:
            continue  # it goes on to the survivor, and is told there
        absorbed = arrival.from_person_id if arrival.parts is None else ""
        if absorbed and arrival.kind == EventKind.EVENT_KIND_MERGE:
            merged = consent_pb2.ToldConsent(absorbed_person_ids=[absorbed])
            merged.tenant, merged.person_id = key
            found.append(merged)
        for said in arrival.said:
            held = record.held.get(said.slot) if said.slot.type == _OPAQUE else None
            if held is None or held.is_elsewhere:
                continue
            resource = Resource.FromString(held.content)
            opaque = resource.opaque
            if opaque.type == _CONSENT or resource.deleted:
                told = consent_pb2.ToldConsent(
                    source=held.source,
                    key=said.slot.key,
                    message_id=held.message_id,
                    content=opaque.content if len(opaque.content) <= _MOST_BYTES else b"",
                    is_deleted=resource.deleted,
                )
                told.tenant, told.person_id = key
                found.append(told)
    return found
