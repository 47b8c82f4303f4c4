"""Current resources in memory, found by id and by identifier.

A resource is kept as text without what the server itself adds (id, version, time), so equal content
is equal text: an update that changes nothing makes no new version, and a repeat can be seen.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from urllib.parse import unquote_plus

import orjson

from services.cli.receiver.documents import FhirError, Json, timestamp

__all__ = ["Address", "Kept", "ResourceStore", "canonical_text", "identifier_of_query", "tokens"]

Address = tuple[str, str]
"""Type and id."""


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """One resource as it is now.

    Attributes:
        text: its JSON without id and without version and time, keys sorted; empty once deleted.
        version: from 1; a deletion has a version too.
        updated_at: seconds since 1970.
        tokens: what it is found by.
    """

    text: bytes
    version: int
    updated_at: float
    tokens: tuple[str, ...]

    @property
    def is_deleted(self) -> bool:
        """True after a deletion."""
        return not self.text


class ResourceStore:
    """All resources of the receiver."""

    def __init__(self) -> None:
        self._kept: dict[Address, Kept] = {}
        self._by_token: dict[tuple[str, str], dict[str, None]] = {}

    def __len__(self) -> int:
        return sum(1 for kept in self._kept.values() if not kept.is_deleted)

    def get(self, address: Address) -> Kept | None:
        """The resource, a deleted one too."""
        return self._kept.get(address)

    def find(self, fhir_type: str, token: str) -> list[str]:
        """Ids of the resources with that identifier, the oldest first."""
        return list(self._by_token.get((fhir_type, token), ()))

    def put(self, address: Address, kept: Kept) -> None:
        """Take a new version."""
        before = self._kept.get(address)
        self._kept[address] = kept
        fhir_type, resource_id = address
        old = () if before is None else before.tokens
        if old == kept.tokens:
            return
        for token in old:
            found = self._by_token[fhir_type, token]
            del found[resource_id]
            if not found:
                del self._by_token[fhir_type, token]
        for token in kept.tokens:
            self._by_token.setdefault((fhir_type, token), {})[resource_id] = None

    def read(self, address: Address) -> Json:
        """The whole resource.

        Raises:
            FhirError: 404 where there never was one, 410 where it was deleted.
        """
        kept = self._kept.get(address)
        if kept is None:
            raise FhirError(404, "not-found", "there is no such resource")
        if kept.is_deleted:
            raise FhirError(410, "deleted", "the resource was deleted")
        return _whole(address, kept)

    def lines(self) -> Iterator[bytes]:
        """Every resource that is not deleted, as NDJSON."""
        for address, kept in self._kept.items():
            if not kept.is_deleted:
                yield orjson.dumps(_whole(address, kept), option=orjson.OPT_APPEND_NEWLINE)


def canonical_text(resource: Mapping[str, object]) -> bytes:
    """The same for the same content, whatever the order of keys, the id and the version."""
    if "id" not in resource and "meta" not in resource:
        return orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)
    content = {name: value for name, value in resource.items() if name != "id"}
    meta = content.pop("meta", None)
    if isinstance(meta, dict):
        meta = {k: v for k, v in meta.items() if k not in {"versionId", "lastUpdated"}}
    if meta:
        content["meta"] = meta
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def tokens(resource: Mapping[str, object]) -> tuple[str, ...]:
    """What a search by identifier finds the resource by (R4 3.1.1.4.10)."""
    found = resource.get("identifier")
    identifiers = found if isinstance(found, list) else [found]
    made: dict[str, None] = {}
    for each in identifiers:
        if isinstance(each, dict) and isinstance(value := each.get("value"), str):
            made[f"{each.get('system') or ''}|{value}"] = None
            made[value] = None
    return tuple(made)


def identifier_of_query(query: str) -> str:
    """The token of `identifier=system|value`, the one search that the receiver knows.

    Raises:
        FhirError: 400 for any other.
    """
    name, _, token = query.partition("=")
    if name != "identifier" or not token or "&" in token:
        raise FhirError(400, "not-supported", "only a search by one identifier is supported")
    return unquote_plus(token) if "%" in token or "+" in token else token


def _whole(address: Address, kept: Kept) -> Json:
    fhir_type, resource_id = address
    content: Json = orjson.loads(kept.text)
    meta = {
        **content.pop("meta", {}),
        "versionId": str(kept.version),
        "lastUpdated": timestamp(kept.updated_at),
    }
    content.pop("resourceType", None)
    return {"resourceType": fhir_type, "id": resource_id, "meta": meta, **content}
