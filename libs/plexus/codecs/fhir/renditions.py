"""Where in FHIR a canonical value is shown: found by taking it away and looking what is gone.

A renderer is pure, so it is run again without the value; what is then missing or different is where
the value was rendered; where nothing is, another value takes its place (the type of an OID, which is the
usual one). Of several places those are told that show the value's own text; where none
does, because the value became a code or decided what else is said, the place that holds all of them.
Nothing is told of a value that no renderer shows, nor of all values of a resource with thousands of
them. For explanations: it renders once for each value.
"""

from typing import Any, NamedTuple

import orjson

from plexus.api.canonical.v1.resources_pb2 import Resource
from plexus.codecs.fhir.references import FHIR_TYPES
from plexus.codecs.fhir.resources import render_resource
from plexus.errors import InvalidMessage
from plexus.ids import resource_id

__all__ = ["Rendition", "Renditions"]

_FEW = 3
_ANOTHER = "another"
# A resource is rendered once for each of its values: one with thousands of them would take minutes.
_MOST_LOOKED_AT = 1_000_000
_Json = dict[tuple[str | int, ...], Any]


class Rendition(NamedTuple):
    """A place in a FHIR resource.

    Attributes:
        resource: the urn that the resource has in a bundle.
        path: from the type on, as Patient.name[0].family.
    """

    resource: str
    path: str


class Renditions:
    """The renditions of one canonical resource."""

    def __init__(self, resource: Resource, *, tenant: str, person_id: str) -> None:
        """Render it as a bundle about that person would."""
        self._resource = resource
        self._tenant = tenant
        self._person_id = person_id
        self._looked_at = 0
        self._known: dict[tuple[tuple[str, int], ...], tuple[Rendition, ...]] = {}
        kind = resource.WhichOneof("content")
        self._said = self._render(resource) if kind else {}
        self._type = str(self._said.get(("resourceType",), ""))
        key = person_id if self._type == FHIR_TYPES["Person"] else resource.key
        self._urn = f"urn:uuid:{resource_id(tenant, self._type, key)}"

    def of(self, path: tuple[tuple[str, int], ...]) -> tuple[Rendition, ...]:
        """Where the value is rendered that has the path within the resource.

        Args:
            path: names of fields, each with the index in a list or -1.
        """
        found = self._known.get(path)
        if found is None:
            self._looked_at += len(self._said)
            if self._looked_at > _MOST_LOOKED_AT:
                return ()
            found = self._known[path] = self._find(path)
        return found

    def _find(self, path: tuple[tuple[str, int], ...]) -> tuple[Rendition, ...]:
        other = Resource()
        other.CopyFrom(self._resource)
        at: Any = other
        for name, index in path[:-1]:
            at = getattr(at, name)
            at = at[index] if index >= 0 else at
        name, index = path[-1]
        value = getattr(at, name)
        if index >= 0:
            value = value[index]
            del getattr(at, name)[index]
        else:
            at.ClearField(name)
        said = self._render(other)
        gone = [place for place, told in self._said.items() if said.get(place) != told]
        if not gone and isinstance(value, str):
            # What it says is the same without it, but another value would say something else there.
            if index >= 0:
                getattr(at, name).insert(index, _ANOTHER)
            else:
                setattr(at, name, _ANOTHER)
            said = self._render(other)
            gone = [place for place, told in self._said.items() if said.get(place) != told]
        text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        shown = [place for place in gone if text and text in str(self._said[place])]
        if not shown and len(gone) > _FEW:
            # A place that holds them all is true of all.
            shown = [_common(gone)]
        return tuple(
            Rendition(self._urn, self._spelled(place)) for place in sorted(shown or gone, key=str)
        )

    def _render(self, resource: Resource) -> _Json:
        try:
            made = render_resource(resource, self._tenant, person_id=self._person_id)
        except InvalidMessage:
            return {}
        return _flat(orjson.loads(orjson.dumps(made)))

    def _spelled(self, place: tuple[str | int, ...]) -> str:
        return self._type + "".join(
            f"[{step}]" if isinstance(step, int) else f".{step}" for step in place
        )


def _common(places: list[tuple[str | int, ...]]) -> tuple[str | int, ...]:
    found = places[0]
    for place in places:
        alike = zip(found, place, strict=False)
        found = found[
            : next((n for n, (a, b) in enumerate(alike) if a != b), min(len(found), len(place)))
        ]
    return found


def _flat(value: Any) -> _Json:
    found: _Json = {}
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while waiting:
        above, one = waiting.pop()
        if isinstance(one, dict):
            waiting += [((*above, name), inner) for name, inner in one.items()]
        elif isinstance(one, list):
            waiting += [((*above, at), inner) for at, inner in enumerate(one)]
        else:
            found[above] = one
    return found
