"""Provisions of a FHIR Consent, compiled to rules: types, nesting, and what each one asks.

`reading` reads the rest of the resource, `elements` the values.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Final

from services.consent.domain.codes import (
    ACT_CODE,
    CONFIDENTIALITY,
    LEVELS,
    labels_below,
    system_uri,
)
from services.consent.domain.elements import Reader
from services.consent.domain.rules import (
    Node,
    actors_reached,
    levels_reached,
    purposes_reached,
)
from services.consent.domain.times import ALWAYS

__all__ = ["UNKNOWN_MODIFIER", "Compiler"]

UNKNOWN_MODIFIER: Final = "changes the meaning in a way that is not known"
"""What is wrong with a modifier: FHIR R4 2.4.3 forbids to go on without understanding it."""

_DENIES: Final = {"permit": False, "deny": True}
_POLICY_RULES: Final = {"OPTIN": False, "OPTINR": False, "OPTOUT": True, "OPTOUTE": True}
_DEEPEST: Final = 16
_MOST_PROVISIONS: Final = 2000
_KNOWN_NAMES: Final = """
id extension type period actor action securityLabel purpose class resourceType code dataPeriod
data provision
"""
_KNOWN: Final = frozenset(_KNOWN_NAMES.split())
_UNSUPPORTED: Final = {
    "expression": "expressions are not supported",
    "documentType": "document types are not supported",
    "modifierExtension": UNKNOWN_MODIFIER,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Compiler:
    """Compiles the provisions of one resource."""

    reader: Reader

    def root(self, resource: Mapping[str, Any]) -> Node | None:
        """The root with all below it; None where nothing says the base decision."""
        decision = resource.get("decision")
        if decision is not None:
            if decision not in _DENIES:
                self.reader.refuse("decision", "must be permit or deny")
                return None
            return self._alternating(resource, is_deny=_DENIES[decision])
        if "except" in resource:
            self.reader.refuse("except", "is of a FHIR version that is not supported")
        provision = resource.get("provision")
        if provision is not None and not isinstance(provision, Mapping):
            self.reader.refuse("provision", "must be an object where there is no decision")
            return None
        if provision is not None and provision.get("type") is not None:
            is_deny = self._type(provision, "provision", implied=True)
            return self._rooted(provision, "provision", is_deny=is_deny)
        opted_out = self._policy_rule(resource)
        if opted_out is None:
            self.reader.refuse(
                "provision.type", "is required where neither decision nor policyRule says the base"
            )
        return self._rooted(provision or {}, "policyRule", is_deny=opted_out is not False)

    def _policy_rule(self, resource: Mapping[str, Any]) -> bool | None:
        rule = resource.get("policyRule")
        if rule is None:
            return None
        if not isinstance(rule, Mapping):
            self.reader.refuse("policyRule", "must be an object")
            return None
        found = {
            _POLICY_RULES[str(coding.get("code"))]
            for _, coding in self.reader.items(rule, "coding", "policyRule.")
            if system_uri(str(coding.get("system") or "")) == ACT_CODE
            and coding.get("code") in _POLICY_RULES
        }
        if len(found) > 1:
            self.reader.refuse("policyRule", "says both opt-in and opt-out")
        return found.pop() if len(found) == 1 else None

    def _alternating(self, resource: Mapping[str, Any], *, is_deny: bool) -> Node:
        """The root of R5: it asks nothing, and its provisions stand at the resource."""
        root = Node(path="decision", is_deny=is_deny)
        return dataclasses.replace(root, children=self._children(resource, "", root, depth=1))

    def _rooted(self, provision: Mapping[str, Any], path: str, *, is_deny: bool) -> Node:
        root = self.node(provision, "provision", is_deny=is_deny)
        children = self._children(provision, "provision.", root, depth=1)
        return dataclasses.replace(root, path=path, children=children)

    def _type(self, provision: Mapping[str, Any], path: str, *, implied: bool) -> bool:
        given = provision.get("type")
        if given is None:
            return implied
        if given not in _DENIES:
            self.reader.refuse(f"{path}.type", "must be permit or deny")
            return True
        return _DENIES[given]

    def _children(
        self,
        holder: Mapping[str, Any],
        path: str,
        parent: Node,
        *,
        depth: int,
    ) -> tuple[Node, ...]:
        if depth > _DEEPEST:
            self.reader.refuse(f"{path}provision", f"is nested deeper than {_DEEPEST}")
            return ()
        found = []
        for count, (where, each) in enumerate(self.reader.items(holder, "provision", path)):
            if count >= _MOST_PROVISIONS:
                self.reader.refuse(f"{path}provision", f"holds more than {_MOST_PROVISIONS}")
                break
            is_deny = self._type(each, where, implied=not parent.is_deny)
            inherits = holder if depth == 1 and path else None
            node = self.node(each, where, is_deny=is_deny, inherits=inherits)
            below = self._children(each, f"{where}.", node, depth=depth + 1)
            found.append(dataclasses.replace(node, children=below))
        return tuple(found)

    def node(
        self,
        provision: Mapping[str, Any],
        path: str,
        *,
        is_deny: bool,
        inherits: Mapping[str, Any] | None = None,
    ) -> Node:
        """One provision without its children.

        `inherits` is the root, whose request dimensions hold where it has none of its own.
        """
        reader = self.reader
        for name in provision:
            if name in _UNSUPPORTED and provision[name]:
                reader.refuse(f"{path}.{name}", _UNSUPPORTED[name])
            elif name not in _KNOWN and name not in _UNSUPPORTED and not name.startswith("_"):
                reader.refuse(f"{path}.{name}", "is no element of a provision")
        start, end = reader.period(provision, "period", f"{path}.")
        dot = f"{path}."

        def asked(name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
            if inherits is None or provision.get(name):
                return reader.items(provision, name, dot)
            return reader.items(inherits, name, "provision.")

        actors = {name for where, each in asked("actor") for name in reader.actor(each, where)}
        purposes = {reader.purpose(each, where) for where, each in asked("purpose")}
        actions = {reader.action(each, where) for where, each in asked("action")}
        classes = {
            reader.resource_class(each, where)
            for name in ("class", "resourceType")
            for where, each in reader.items(provision, name, dot)
        }
        codes = {
            coding.token
            for where, each in reader.items(provision, "code", dot)
            for coding in reader.concept(each, where)
        }
        levels, labels = self._labels(provision, dot, is_deny=is_deny)
        data_period = reader.period(provision, "dataPeriod", dot)
        data = self._data(provision, dot, is_deny=is_deny)
        return Node(
            path=path,
            is_deny=is_deny,
            start=start,
            end=end,
            actors=actors_reached(frozenset(actors), is_deny=is_deny) if actors else None,
            purposes=purposes_reached(frozenset(purposes), is_deny=is_deny) if purposes else None,
            actions=frozenset(actions) if actions else None,
            levels=levels,
            labels=labels,
            classes=frozenset(classes) if classes else None,
            codes=frozenset(codes) if codes else None,
            data_period=None if data_period == ALWAYS else data_period,
            instances=None if data is None else data["instance"],
            related=frozenset() if data is None else data["related"],
            authors=frozenset() if data is None else data["authoredby"],
        )

    def _labels(
        self, provision: Mapping[str, Any], path: str, *, is_deny: bool
    ) -> tuple[frozenset[int] | None, frozenset[str]]:
        found = [
            self.reader.label(each, where)
            for where, each in self.reader.items(provision, "securityLabel", path)
        ]
        if not found:
            return None, frozenset()
        levels: set[int] = set()
        labels: set[str] = set()
        for label in found:
            if label is None:
                continue
            if label.system == CONFIDENTIALITY and label.code in LEVELS:
                levels |= levels_reached(label.code, is_deny=is_deny)
            elif label.system == ACT_CODE and is_deny:
                labels |= {f"{ACT_CODE}|{code}" for code in labels_below(label.code)}
            else:
                labels.add(label.token)
        return frozenset(levels), frozenset(labels)

    def _data(
        self, provision: Mapping[str, Any], path: str, *, is_deny: bool
    ) -> Mapping[str, frozenset[str]] | None:
        found: dict[str, set[str]] = {"instance": set(), "related": set(), "authoredby": set()}
        is_asked = False
        for where, each in self.reader.items(provision, "data", path):
            is_asked = True
            meaning = each.get("meaning")
            # Data that refer to it, and data that it refers to: both are what it relates to.
            meaning = "related" if meaning == "dependents" else meaning
            if meaning not in found:
                self.reader.refuse(
                    f"{where}.meaning", "must be instance, related, dependents or authoredby"
                )
                continue
            found[meaning].add(self.reader.reference(each.get("reference"), f"{where}.reference"))
        if not is_asked:
            return None
        return {
            meaning: actors_reached(frozenset(names), is_deny=is_deny)
            for meaning, names in found.items()
        }
