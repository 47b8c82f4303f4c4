"""Consent vectors: cases with the decision that is expected, run without a server.

A file is a JSON list of cases. Each has `consents` (FHIR Consent), `default_policy` (purposes that are
permitted where no consent applies), `request`, `resource` and `expect`; `id` and `title` name it. May
be added: `zone` (of dates without an offset), `above` (by reference: the organisations and groups
that somebody is part of), `statutes`, and `never` (labels that break-glass does not open).
"""

import dataclasses
import datetime
import pathlib
import zoneinfo
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from plexus.errors import InvalidRequest
from services.consent.domain.codes import token
from services.consent.domain.decision import Cause, Decided
from services.consent.domain.elements import Reader
from services.consent.domain.engine import BreakGlass, Directives, Rulebook, TableDefault
from services.consent.domain.policy import Effect
from services.consent.domain.questions import Datum, Request, with_parents
from services.consent.domain.reading import read_directive
from services.consent.domain.statutes import Statutes, read_statute
from services.consent.domain.times import span

__all__ = ["Checked", "check", "read_vectors"]

_PRIVILEGED: Final = frozenset({"Group/priv"})
_EFFECTS: Final = ("PERMIT", "DENY")


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """One case, decided.

    Attributes:
        problems: what is wrong with its consents.
    """

    name: str
    title: str
    expected: str
    decided: Decided
    problems: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """True where it was decided as expected."""
        return self.decided.effect.upper() == self.expected


def read_vectors(path: pathlib.Path) -> list[Mapping[str, Any]]:
    """The cases of a file.

    Raises:
        InvalidRequest: it is no file of vectors.
    """
    try:
        found = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as exc:
        raise InvalidRequest(f"{path} is no JSON") from exc
    except OSError as exc:
        raise InvalidRequest(f"{path} cannot be read: {exc.strerror}") from exc
    if not isinstance(found, list) or not found:
        raise InvalidRequest(f"{path} is no file of vectors: it must be a list of cases")
    for place, case in enumerate(found):
        _expect_case(case, f"{path}: case {place + 1}")
    return found


def _expect_case(case: Any, where: str) -> None:
    wanted: tuple[tuple[str, type], ...] = (
        ("consents", list),
        ("default_policy", dict),
        ("request", dict),
        ("resource", dict),
    )
    if not isinstance(case, dict):
        raise InvalidRequest(f"{where} must be an object")
    for name, kind in wanted:
        default = None if name in {"request", "resource"} else kind()
        if not isinstance(case.get(name, default), kind):
            raise InvalidRequest(f"{where}: {name} is missing, or of another kind")
    if case.get("expect") not in _EFFECTS:
        raise InvalidRequest(f"{where}: expect must be PERMIT or DENY")
    asked = case["request"]
    if not isinstance(asked.get("now"), str) or not all(
        isinstance(asked.get(name), list) for name in ("purposes", "actors")
    ):
        raise InvalidRequest(f"{where}: request must have now, purposes and actors")


def check(case: Mapping[str, Any]) -> Checked:
    """Decide one case of `read_vectors`. A request that cannot be read is denied.

    Raises:
        InvalidRequest: its zone or a statute cannot be read.
    """
    name = str(case.get("id", "?"))
    try:
        zone = zoneinfo.ZoneInfo(case.get("zone", "UTC"))
    except (ValueError, TypeError, zoneinfo.ZoneInfoNotFoundError) as exc:
        raise InvalidRequest(f"case {name}: zone is unknown") from exc
    directives = [read_directive(each, zone) for each in case.get("consents", ())]
    rulebook = Rulebook(
        Directives(directives),
        _default(case.get("default_policy", {})),
        Statutes(read_statute(each, Reader(zone)) for each in case.get("statutes", ())),
        BreakGlass(_PRIVILEGED, never=frozenset(map(token, case.get("never", ())))),
    )
    try:
        request = _request(case["request"], case.get("above", {}))
        decided = rulebook.decide(request, _datum(case["resource"], zone))
    except (ValueError, TypeError, AttributeError, OverflowError):
        decided = Decided(Effect.DENY, Cause.INVALID)
    return Checked(
        name,
        str(case.get("title", "")),
        case["expect"],
        decided,
        tuple(str(problem) for each in directives for problem in each.problems),
    )


def _default(table: Mapping[str, Any]) -> TableDefault:
    return TableDefault(
        frozenset(token(why).rpartition("|")[2] for why, may in table.items() if may is True)
    )


def _request(asked: Mapping[str, Any], above: Mapping[str, Sequence[str]]) -> Request:
    now = datetime.datetime.fromisoformat(asked["now"])
    return Request.of(
        purposes=asked["purposes"],
        actors=with_parents(asked["actors"], above),
        action=asked.get("action") or "",
        now=now if now.tzinfo else now.replace(tzinfo=datetime.UTC),
        reason=asked.get("reason") or "",
    )


def _datum(found: Mapping[str, Any], zone: datetime.tzinfo) -> Datum:
    date = found.get("date")
    return Datum.of(
        kind=found.get("type"),
        labels=found.get("labels"),
        codes=found.get("codes"),
        date=span(date, zone) if date else None,
        authors=found.get("authors"),
        related=found.get("related"),
        own=found.get("ref"),
    )
