"""Rules of law that stand above what a person says: they are data, each with its id and its basis.

A statute denies, permits, or demands the person's consent where else the default would do (rule 12).
Which ones hold is the tenant's to say; none does by itself.
"""

import dataclasses
import enum
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from plexus.errors import ConfigurationError
from services.consent.domain.compiling import Compiler
from services.consent.domain.elements import Reader
from services.consent.domain.matching import asked_for, covers_datum
from services.consent.domain.purposes import PURPOSES
from services.consent.domain.questions import Datum, Request
from services.consent.domain.rules import Node, purposes_reached

__all__ = ["NO_STATUTES", "Law", "Ruling", "Statute", "Statutes", "read_statute"]


class Law(enum.StrEnum):
    """What a statute does."""

    DENY = "deny"
    PERMIT = "permit"
    NEEDS_CONSENT = "needs-consent"


@dataclasses.dataclass(frozen=True, slots=True)
class Statute:
    """One rule of law.

    Attributes:
        name: `id@version`.
        node: when it applies.
        obligations: what a disclosure that it touches owes, for example NO_REDISCLOSE.
        digest: hash of what it was read from.
    """

    name: str
    law: Law
    node: Node
    obligations: tuple[str, ...]
    digest: str = ""


class Ruling(enum.IntEnum):
    """What all statutes together say."""

    SILENT = 0
    NEEDS_CONSENT = 1
    PERMIT = 2
    DENY = 3


_RULINGS: Final = {
    Law.DENY: Ruling.DENY,
    Law.PERMIT: Ruling.PERMIT,
    Law.NEEDS_CONSENT: Ruling.NEEDS_CONSENT,
}
_SILENT: Final = (Ruling.SILENT, "", ())


class Statutes:
    """The rules of law that hold for a tenant. Their order never matters."""

    def __init__(self, statutes: Iterable[Statute]) -> None:
        self._statutes = tuple(sorted(statutes, key=lambda each: each.name))

    def __bool__(self) -> bool:
        return bool(self._statutes)

    def judge(self, request: Request, datum: Datum) -> tuple[Ruling, str, tuple[str, ...]]:
        """The strongest ruling, the statute that made it, and what is owed if it is disclosed."""
        if not self._statutes:
            return _SILENT
        ruling, name = Ruling.SILENT, ""
        owed: set[str] = set()
        for each in self._statutes:
            if asked_for(each.node, request) and covers_datum(each.node, datum):
                owed.update(each.obligations)
                if _RULINGS[each.law] > ruling:
                    ruling, name = _RULINGS[each.law], each.name
        return ruling, name, tuple(sorted(owed))


NO_STATUTES: Final = Statutes(())

_NAMES: Final = frozenset({"id", "version", "basis", "law", "where", "unless", "obligations"})


def read_statute(found: Mapping[str, Any], reader: Reader) -> Statute:
    """Read one: `where` holds dimensions as a provision does, `unless` purposes that are excepted.

    Raises:
        ConfigurationError: it says what cannot be understood.
    """
    name = f"{found.get('id', '')}@{found.get('version', '1')}"
    try:
        law = Law(str(found.get("law")))
    except ValueError as exc:
        raise ConfigurationError(f"statute {name}: law must be one of {', '.join(Law)}") from exc
    where, unless = found.get("where", {}), found.get("unless", ())
    if not found.get("id") or not _NAMES.issuperset(found) or not isinstance(where, Mapping):
        raise ConfigurationError(f"statute {name}: holds {', '.join(sorted(_NAMES))} and no more")
    node = Compiler(reader).node(where, "where", is_deny=law is not Law.PERMIT)
    node = _except(node, unless)
    if reader.problems:
        raise ConfigurationError(f"statute {name}: {reader.problems[0]}")
    owed = found.get("obligations", ())
    digest = hashlib.sha256(orjson.dumps(found, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Statute(name, law, node, tuple(str(each) for each in owed), digest)


def _except(node: Node, unless: Sequence[str]) -> Node:
    if not unless:
        return node
    if not PURPOSES.issuperset(unless):
        raise ConfigurationError("unless: holds purposes of use (HL7 v3-ActReason)")
    excepted = purposes_reached(frozenset(unless), is_deny=True)
    return dataclasses.replace(node, purposes=(node.purposes or PURPOSES) - excepted)
