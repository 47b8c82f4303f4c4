"""A transaction bundle as one act: first everything is worked out, then all of it is done.

FHIR R4 3.1.0.11. Entries may be updates and deletions, by id or by identifier, and creations. What
one entry does is worked out before anything changes, so a bundle with one wrong entry changes
nothing. References to other entries (`urn:uuid`) become the addresses that the receiver gives.
"""

import dataclasses
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any, Literal

from services.cli.receiver.documents import FhirError, Json, timestamp
from services.cli.receiver.resources import (
    Address,
    Kept,
    ResourceStore,
    canonical_text,
    identifier_of_query,
    tokens,
)

__all__ = ["Action", "Committed", "Touched", "commit", "message_id_of"]

Action = Literal["created", "updated", "unchanged", "deleted"]

_PERSON_SYSTEM = "urn:plexus:person"
_TYPE = re.compile(r"[A-Z][A-Za-z]{2,39}")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
# In JSON text a quote within a string is escaped, so this can only be a reference.
_LOCAL_REFERENCE = re.compile(rb'"reference":"(urn:(?:uuid|oid):[^"]*)"')
_STATUS = {"created": "201 Created", "deleted": "204 No Content"}


@dataclasses.dataclass(frozen=True, slots=True)
class Touched:
    """What a transaction did with one resource.

    Attributes:
        fhir_type: its type.
        own_id: what the sender knows it by: the value of its identifier, or its id.
        action: unchanged where it was like that, or gone, before.
        version: the version that it has now; 0 where it never was.
    """

    fhir_type: str
    own_id: str
    action: Action
    version: int


@dataclasses.dataclass(frozen=True, slots=True)
class Committed:
    """One committed transaction.

    Attributes:
        at: seconds since 1970.
        message_id: Bundle.identifier; empty where the bundle has none.
        person_id: the identifier of our system on the first Patient; empty where there is none.
        entries: how many the bundle has; 0 where nobody looked into it.
        touched: in the order of the entries; empty where the receiver only counts.
    """

    at: float
    message_id: str
    person_id: str
    entries: int
    touched: tuple[Touched, ...]

    @property
    def has_effect(self) -> bool:
        """False for a repeat, which changes nothing."""
        return any(one.action != "unchanged" for one in self.touched)


@dataclasses.dataclass(slots=True)
class _Plan:
    """What one entry will do."""

    fhir_type: str
    resource_id: str
    own_id: str
    resource: Json | None  # None deletes
    before: Kept | None
    token: str  # what a conditional entry finds it by; empty for one by id


def message_id_of(bundle: Mapping[str, Any]) -> str:
    """Bundle.identifier.value, or empty."""
    identifier = bundle.get("identifier")
    value = identifier.get("value") if isinstance(identifier, dict) else None
    return value if isinstance(value, str) else ""


def commit(store: ResourceStore, bundle: Mapping[str, Any]) -> tuple[Committed, Json]:
    """Do all of a transaction; gives what was done and the transaction-response.

    Raises:
        FhirError: something in it cannot be done; nothing was.
    """
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
        raise FhirError(400, "invalid", "only a Bundle of type transaction is taken here")
    entries = bundle.get("entry") or []
    if not isinstance(entries, list):
        raise FhirError(400, "structure", "Bundle.entry is no list")
    plans: list[_Plan] = []
    given: dict[bytes, bytes] = {}
    named: set[Address] = set()
    for place, entry in enumerate(entries):
        plan = _plan(store, entry, f"Bundle.entry[{place}]")
        # Two that are to be created by one identifier have different ids, but are the same.
        names = {(plan.fhir_type, plan.resource_id)}
        if plan.token:
            names.add((plan.fhir_type, f"?{plan.token}"))
        if not named.isdisjoint(names):
            raise FhirError(400, "invalid", f"Bundle.entry[{place}] is about a resource again")
        named |= names
        plans.append(plan)
        full_url = entry.get("fullUrl")
        if plan.resource is not None and isinstance(full_url, str):
            given[full_url.encode()] = f"{plan.fhir_type}/{plan.resource_id}".encode()
    return _carry_out(store, bundle, plans, given)


def _carry_out(
    store: ResourceStore, bundle: Mapping[str, Any], plans: list[_Plan], given: dict[bytes, bytes]
) -> tuple[Committed, Json]:
    texts = [_text(plan, given, place) for place, plan in enumerate(plans)]
    now = time.time()
    modified = timestamp(now)
    touched: list[Touched] = []
    responses: list[Json] = []
    person_id = ""
    for plan, text in zip(plans, texts, strict=True):
        kept, action = _act(store, plan, text, now)
        touched.append(Touched(plan.fhir_type, plan.own_id, action, kept.version if kept else 0))
        responses.append({"response": _response(plan, kept, action, now, modified)})
        if not person_id and plan.fhir_type == "Patient" and plan.resource is not None:
            person_id = _person_id(plan.resource)
    committed = Committed(now, message_id_of(bundle), person_id, len(plans), tuple(touched))
    answer = {"resourceType": "Bundle", "type": "transaction-response", "entry": responses}
    return committed, answer


def _act(store: ResourceStore, plan: _Plan, text: bytes, now: float) -> tuple[Kept | None, Action]:
    before = plan.before
    if plan.resource is None:
        if before is None or before.is_deleted:
            return before, "unchanged"
        kept = Kept(b"", before.version + 1, now, ())
        store.put((plan.fhir_type, plan.resource_id), kept)
        return kept, "deleted"
    if before is not None and before.text == text:
        return before, "unchanged"
    version = 1 if before is None else before.version + 1
    kept = Kept(text, version, now, tokens(plan.resource))
    store.put((plan.fhir_type, plan.resource_id), kept)
    return kept, "created" if before is None or before.is_deleted else "updated"


def _plan(store: ResourceStore, entry: Any, place: str) -> _Plan:
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict):
        raise FhirError(400, "required", f"{place}.request is missing")
    method, url = request.get("method"), request.get("url")
    if method not in {"PUT", "DELETE", "POST"} or not isinstance(url, str):
        raise FhirError(400, "not-supported", f"{place}.request is none of PUT, POST, DELETE")
    path, question, query = url.partition("?")
    fhir_type, slash, resource_id = path.partition("/")
    if not _TYPE.fullmatch(fhir_type) or bool(slash) != bool(_ID.fullmatch(resource_id)):
        raise FhirError(
            400, "invalid", f"{place}.request.url is no type, Type/id or Type?identifier="
        )
    resource = None if method == "DELETE" else entry.get("resource")
    if method != "DELETE" and (
        not isinstance(resource, dict) or resource.get("resourceType") != fhir_type
    ):
        raise FhirError(400, "invalid", f"{place}.resource is missing or of another type")
    own_id, token = resource_id, ""
    if method == "POST":
        if slash or question:
            raise FhirError(400, "invalid", f"{place}.request.url: POST is to a type")
        resource_id = own_id = str(uuid.uuid4())
    elif question:
        token = identifier_of_query(query)
        own_id = token.partition("|")[2] or token
        resource_id = _matching(store, fhir_type, token, place) or str(uuid.uuid4())
    elif not slash:
        raise FhirError(400, "invalid", f"{place}.request.url names no resource")
    before = store.get((fhir_type, resource_id))
    return _Plan(fhir_type, resource_id, own_id, resource, before, token)


def _matching(store: ResourceStore, fhir_type: str, token: str, place: str) -> str:
    found = store.find(fhir_type, token)
    if len(found) > 1:
        raise FhirError(412, "multiple-matches", f"{place}: several resources have this identifier")
    return found[0] if found else ""


def _text(plan: _Plan, given: dict[bytes, bytes], place: int) -> bytes:
    if plan.resource is None:
        return b""

    def address(found: re.Match[bytes]) -> bytes:
        try:
            return b'"reference":"%b"' % given[found[1]]
        except KeyError:
            raise FhirError(
                400, "not-found", f"Bundle.entry[{place}] refers to an entry that is not there"
            ) from None

    return _LOCAL_REFERENCE.sub(address, canonical_text(plan.resource))


def _response(plan: _Plan, kept: Kept | None, action: Action, now: float, modified: str) -> Json:
    response: Json = {"status": _STATUS.get(action, "200 OK")}
    if plan.resource is None:
        response["status"] = _STATUS["deleted"]
    elif kept is not None:
        response["location"] = f"{plan.fhir_type}/{plan.resource_id}/_history/{kept.version}"
        response["etag"] = f'W/"{kept.version}"'
        response["lastModified"] = (
            modified if kept.updated_at == now else timestamp(kept.updated_at)
        )
    return response


def _person_id(resource: Json) -> str:
    for each in resource.get("identifier") or ():
        if isinstance(each, dict) and each.get("system") == _PERSON_SYSTEM:
            return str(each.get("value", ""))
    return ""
