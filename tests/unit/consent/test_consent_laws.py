"""Laws that hold for every directive and question. Out of scope: single rules (`test_consent_vectors`)."""

import dataclasses
import datetime
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import hypothesis
from hypothesis import strategies as st

from services.consent.domain.elements import Reader
from services.consent.domain.engine import Directives, Rulebook, TableDefault
from services.consent.domain.policy import Effect
from services.consent.domain.purposes import covers
from services.consent.domain.questions import Datum, Request
from services.consent.domain.reading import Directive, read_directive
from services.consent.domain.statutes import Law, Statute, Statutes, read_statute
from services.consent.domain.times import span

_THO = "http://terminology.hl7.org/CodeSystem/"
_NOW = datetime.datetime(2024, 6, 15, 10, tzinfo=datetime.UTC)
_PURPOSES = ("TREAT", "ETREAT", "HRESCH", "HMARKT")
_ACTORS = ("Practitioner/a", "Practitioner/b", "Organization/x")
_TYPES = ("Observation", "Condition")
_LEVELS = "ULMNRV"
_EFFECTS = ("permit", "deny")

Json = dict[str, Any]


def _coding(system: str, code: str) -> Json:
    return {"system": system, "code": code}


def _some(values: Sequence[Json]) -> st.SearchStrategy[list[Json]]:
    return st.lists(st.sampled_from(values), max_size=2, unique_by=repr)


def _provisions(depth: int, **types: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    below: st.SearchStrategy[list[Json]] = st.just([])
    if depth:
        below = st.lists(_provisions(depth - 1, type=st.sampled_from(_EFFECTS)), max_size=2)
    return st.fixed_dictionaries(
        types,
        optional={
            "purpose": _some([_coding(f"{_THO}v3-ActReason", code) for code in _PURPOSES]),
            "actor": _some([{"reference": {"reference": name}} for name in _ACTORS]),
            "action": _some([{"coding": [_coding(f"{_THO}consentaction", "disclose")]}]),
            "securityLabel": _some(
                [
                    *(_coding(f"{_THO}v3-Confidentiality", code) for code in _LEVELS),
                    _coding(f"{_THO}v3-ActCode", "HIV"),
                ]
            ),
            "class": _some(
                [_coding("http://hl7.org/fhir/resource-types", kind) for kind in _TYPES]
            ),
            "dataPeriod": st.sampled_from([{"start": "2023"}, {"end": "2022-12"}]),
            "period": st.sampled_from([{"start": "2024-07"}, {"end": "2024-06-15"}]),
            "provision": below,
        },
    )


_consents = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["active", "active", "active", "inactive"]),
        "id": st.sampled_from(["c1", "c2", "c3"]),
        "dateTime": st.sampled_from(["2020", "2021-05", "2022-01-01"]),
        "provision": _provisions(3, type=st.sampled_from(_EFFECTS)),
    },
    optional={"policy": st.sampled_from([[{"uri": "urn:p1"}], [{"uri": "urn:p2"}]])},
)
_broken = _consents.map(lambda each: each | {"provision": {"type": "permit", "period": "soon"}})
_many = st.lists(st.one_of(_consents, _consents, _broken), max_size=3)
_requests = st.builds(
    Request.of,
    purposes=st.sets(st.sampled_from([*_PURPOSES, "BTG"]), min_size=1, max_size=2),
    actors=st.sets(st.sampled_from(_ACTORS), min_size=1),
    action=st.sampled_from(["access", "disclose"]),
    now=st.just(_NOW),
    reason=st.sampled_from(["", "collapsed"]),
)
_data = st.builds(
    Datum.of,
    kind=st.sampled_from([*_TYPES, None]),
    labels=st.none() | st.sets(st.sampled_from([*(f"conf|{c}" for c in _LEVELS), "act|HIV"])),
    date=st.sampled_from(["2022", "2022-12-31", "2023-02-03"]).map(lambda t: span(t, datetime.UTC))
    | st.none(),
)
_defaults = st.frozensets(st.sampled_from(_PURPOSES)).map(TableDefault)
_statutes = st.lists(
    st.builds(
        lambda law, where: read_statute(
            {"id": f"s-{law}", "law": law, "where": where, "obligations": ["NOTICE"]},
            Reader(datetime.UTC),
        ),
        st.sampled_from(list(Law)),
        _provisions(0),
    ),
    max_size=2,
)


def _read(consents: Sequence[Json]) -> list[Directive]:
    return [read_directive(each) for each in consents]


def _book(
    consents: Sequence[Json], default: TableDefault, statutes: Sequence[Statute] = ()
) -> Rulebook:
    return Rulebook(Directives(_read(consents), 7), default, Statutes(statutes))


@hypothesis.given(_many, _defaults, _requests, _data, st.randoms())
def test_order_never_matters(
    consents: list[Json], default: TableDefault, request: Request, datum: Datum, shuffle: Any
) -> None:
    told = _book(consents, default).decide(request, datum)
    other = list(consents)
    shuffle.shuffle(other)
    assert _book(other, default).decide(request, datum).as_bytes() == told.as_bytes()
    for each in consents:
        shuffle.shuffle(each["provision"].get("provision", []))
    assert _book(consents, default).decide(request, datum).effect is told.effect


@hypothesis.given(_many, _consents, _defaults, _requests, _data, _provisions(2))
def test_a_depth_one_deny_never_permits(
    others: list[Json],
    consent: Json,
    default: TableDefault,
    request: Request,
    datum: Datum,
    deny: Json,
) -> None:
    before = _book([*others, consent], default).decide(request, datum)
    below = consent["provision"].get("provision", [])
    more = consent["provision"] | {"provision": [*below, deny | {"type": "deny"}]}
    after = _book([*others, consent | {"provision": more}], default).decide(request, datum)
    # Where the base stays silent a deny can only add a denial.
    assert not (after.is_permit and not before.is_permit)


@hypothesis.given(
    _many,
    st.one_of(_consents, _broken),
    st.sampled_from(["draft", "proposed", "rejected", "inactive", "entered-in-error"]),
    _defaults,
    _requests,
    _data,
)
def test_a_status_other_than_active_is_as_good_as_absent(
    consents: list[Json],
    consent: Json,
    status: str,
    default: TableDefault,
    request: Request,
    datum: Datum,
) -> None:
    with_it = _book([*consents, consent | {"status": status}], default)
    assert with_it.decide(request, datum) == _book(consents, default).decide(request, datum)


@hypothesis.given(_many, _defaults, _statutes, _requests, _data)
def test_request_decision_and_residual_filter_are_the_decision_of_each_datum(
    consents: list[Json],
    default: TableDefault,
    statutes: list[Statute],
    request: Request,
    datum: Datum,
) -> None:
    book = _book(consents, default, statutes)
    made = book.decide(request, datum)
    screen = book.screen(request)
    assert screen.decide(datum).as_bytes() == made.as_bytes()
    asked = screen.decided()
    if not asked.is_permit or not asked.residual:
        assert asked.effect is made.effect


@hypothesis.given(_many, _defaults, _statutes, _requests, _data)
def test_deciding_is_pure(
    consents: list[Json],
    default: TableDefault,
    statutes: list[Statute],
    request: Request,
    datum: Datum,
) -> None:
    book = _book(consents, default, statutes)
    assert book.decide(request, datum).as_bytes() == (
        _book(consents, default, statutes).decide(request, datum).as_bytes()
    )
    assert book.decide(request, datum) == book.decide(request, datum)


@hypothesis.given(_many, _defaults, _requests, _data)
def test_knowing_less_of_a_datum_never_permits(
    consents: list[Json], default: TableDefault, request: Request, datum: Datum
) -> None:
    book = _book(consents, default)
    for less in (
        dataclasses.replace(datum, kind=None),
        dataclasses.replace(datum, labels=None),
        dataclasses.replace(datum, date=None),
    ):
        assert not (
            book.decide(request, less).is_permit and not book.decide(request, datum).is_permit
        )


@hypothesis.given(_many, _defaults, _requests, _data)
def test_a_decision_holds_until_it_says(
    consents: list[Json], default: TableDefault, request: Request, datum: Datum
) -> None:
    book = _book(consents, default)
    made = book.decide(request, datum)
    if made.valid_until is not None:
        assert made.valid_until > request.now
        later = dataclasses.replace(request, now=made.valid_until - 1)
        assert book.decide(later, datum).effect is made.effect


# An independent reading of the rules on the JSON itself, slow and plain.


def _matches(node: Mapping[str, Any], root: Mapping[str, Any], ask: Json, *, deny: bool) -> bool:
    def values(name: str, *, inherited: bool = True) -> list[Any]:
        return list(node.get(name) or (root.get(name) if inherited else None) or [])

    purposes = [each["code"] for each in values("purpose")]
    actors = [each["reference"]["reference"] for each in values("actor")]
    period = node.get("period", {})
    if period.get("start") == "2024-07":
        return False
    if purposes and not any(
        covers(mine, theirs) and (deny or theirs != "BTG")
        for mine, theirs in itertools.product(purposes, ask["purposes"])
    ):
        return False
    if actors and not set(actors) & ask["actors"]:
        return False
    return not (values("action") and ask["action"] != "disclose")


def _holds(node: Mapping[str, Any], ask: Json, *, deny: bool) -> bool:
    labels = [each["code"] for each in node.get("securityLabel", [])]
    kinds = [each["code"] for each in node.get("class", [])]
    own = [c for c in ask["labels"] if c in _LEVELS]
    highest = max(own, key=_LEVELS.index, default="N")

    def reaches(label: str) -> bool:
        if label == "HIV":
            return "HIV" in ask["labels"]
        if deny:
            return _LEVELS.index(highest) >= _LEVELS.index(label)
        return highest not in "RV" if label == "N" else label == highest

    if labels and not any(map(reaches, labels)):
        return False
    if kinds and ask["kind"] not in kinds:
        return False
    period = node.get("dataPeriod")
    if period is None:
        return True
    return bool(ask["year"] >= 2023 if "start" in period else ask["year"] <= 2022)


def _resolve(node: Json, root: Json, ask: Json) -> str | None:
    deny = node["type"] == "deny"
    if not _matches(node, root, ask, deny=deny) or not _holds(node, ask, deny=deny):
        return None
    opposite = "permit" if deny else "deny"
    if any(_resolve(child, {}, ask) == opposite for child in node.get("provision", [])):
        return None
    return str(node["type"])


def _plain(consent: Json, ask: Json) -> str | None:
    root = consent["provision"]
    if consent["status"] != "active" or root.get("period", {}).get("start") == "2024-07":
        return None
    found = {_resolve(child, root, ask) for child in root.get("provision", [])}
    for effect in ("deny", "permit"):
        if effect in found:
            return effect
    deny = root["type"] == "deny"
    if not _matches(root, {}, ask, deny=deny):
        return None
    if deny:
        return "deny" if _holds(root, ask, deny=True) else None
    return "permit" if _holds(root, ask, deny=False) else "deny"


_asks = st.fixed_dictionaries(
    {
        "purposes": st.sets(st.sampled_from([*_PURPOSES, "BTG"]), min_size=1, max_size=2),
        "actors": st.sets(st.sampled_from(_ACTORS), min_size=1),
        "action": st.sampled_from(["access", "disclose"]),
        "labels": st.sets(st.sampled_from([*_LEVELS, "HIV"])),
        "kind": st.sampled_from(_TYPES),
        "year": st.sampled_from([2022, 2023]),
    }
)


@hypothesis.given(_consents, _asks)
@hypothesis.settings(max_examples=150)
def test_a_directive_decides_as_a_plain_reading_of_the_rules(consent: Json, ask: Json) -> None:
    request = Request.of(
        purposes=ask["purposes"], actors=ask["actors"], action=ask["action"], now=_NOW
    )
    datum = Datum.of(
        kind=ask["kind"],
        labels=[f"act|{c}" if c == "HIV" else f"conf|{c}" for c in ask["labels"]],
        date=span(f"{ask['year']}-06-01", datetime.UTC),
    )
    expected = _plain(consent, ask)
    for permitted in (frozenset[str](), frozenset((*_PURPOSES, "BTG"))):
        made = _book([consent], TableDefault(permitted)).decide(request, datum)
        by_default = "permit" if permitted else "deny"
        assert made.effect is Effect(expected or by_default)
