"""Decisions on requests: what they leave open, what they owe, and until when they hold."""

import datetime
from typing import Any

from services.consent.domain.decision import BREAK_GLASS_OBLIGATIONS, Cause
from services.consent.domain.engine import BreakGlass, Directives, Rulebook, TableDefault
from services.consent.domain.questions import Datum, Request, with_parents
from services.consent.domain.reading import read_directive
from services.consent.domain.times import instant, text_of

_NOW = datetime.datetime(2024, 6, 15, 10, tzinfo=datetime.UTC)
_RESTRICTED = [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]


def _book(*provisions: dict[str, Any], **top: Any) -> Rulebook:
    raw = [{"id": "c", "status": "active", "provision": each, **top} for each in provisions]
    return Rulebook(
        Directives(map(read_directive, raw), 3),
        TableDefault(frozenset({"TREAT"})),
        break_glass=BreakGlass(frozenset({"Group/priv"})),
    )


def _request(**changes: Any) -> Request:
    asked: dict[str, Any] = {
        "purposes": ["TREAT"],
        "actors": ["Practitioner/a"],
        "action": "disclose",
        "now": _NOW,
    }
    return Request.of(**asked | changes)


def test_what_depends_on_the_data_is_the_residual() -> None:
    deny = {"type": "deny", "securityLabel": _RESTRICTED}
    made = _book({"type": "permit", "provision": [deny]}).screen(_request()).decided()
    assert made.is_permit
    assert made.obligations == ("REDACT_CONFIDENTIALITY", "REDACT_LABELS")
    assert made.residual == (
        {
            "consent": "c@1",
            "base": {"type": "permit", "data": {}},
            "rules": [
                {
                    "type": "deny",
                    "path": "provision.provision[0]",
                    "data": {"confidentiality": ["R", "V", "?"], "labels": []},
                }
            ],
        },
    )


def test_what_does_not_depend_on_data_leaves_nothing_open() -> None:
    made = _book({"type": "permit"}).screen(_request()).decided()
    assert (made.is_permit, made.residual, made.epoch) == (True, (), 3)
    made = _book({"type": "deny"}).screen(_request()).decided()
    assert (made.is_permit, made.residual) == (False, ())


def test_a_decision_holds_until_the_next_edge_of_a_period() -> None:
    later = {"type": "deny", "period": {"start": "2024-07-01"}}
    made = _book({"type": "permit", "provision": [later]}).decide(_request(), Datum.of(kind=None))
    assert made.valid_until is not None
    assert text_of(made.valid_until) == "2024-07-01T00:00:00Z"


def test_a_decision_holds_no_longer_than_the_right_to_ask() -> None:
    ends = _NOW + datetime.timedelta(minutes=5)
    made = _book({"type": "permit"}).decide(_request(expires=ends), Datum.of(kind=None))
    assert made.valid_until == instant(ends)


def test_broken_glass_owes_an_alert_and_a_review_and_ends() -> None:
    request = _request(
        purposes=["TREAT", "BTG"], actors=["Practitioner/a", "Group/priv"], reason="collapsed"
    )
    made = _book({"type": "deny"}).decide(request, Datum.of(kind="Observation"))
    assert (made.is_permit, made.cause) == (True, Cause.BREAK_GLASS)
    assert set(made.obligations) == {*BREAK_GLASS_OBLIGATIONS, "TTL_60_MINUTES"}
    assert made.valid_until == instant(_NOW + datetime.timedelta(minutes=60))


def test_a_circle_of_organisations_ends() -> None:
    above = {"Organization/a": ["Organization/b"], "Organization/b": ["Organization/a"]}
    assert with_parents(["Organization/a"], above) == {"Organization/a", "Organization/b"}
