"""Whom a directive names that came in a stream: somebody of its source, and no namesake."""

import datetime
from typing import Any

import pytest

from services.consent.domain import Directives, as_told_by, read_directive
from services.consent.domain.engine import Rulebook, TableDefault
from services.consent.domain.questions import NOTHING_KNOWN, Request
from services.consent.domain.strangers import SOURCE_ACTOR

NOW = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)
LOCAL = "Organization/7"
SEVEN = f"{SOURCE_ACTOR}his:{LOCAL}"


def decides(effect: str, *, named: str, asks: str, known: frozenset[str]) -> bool:
    """Whether the asker gets it under a directive of source `his` that says otherwise for `named`."""
    actor = [{"role": {"text": "who"}, "reference": {"reference": named}}]
    base = "permit" if effect == "deny" else "deny"
    consent: dict[str, Any] = {
        "resourceType": "Consent",
        "status": "active",
        "provision": {"type": base, "provision": [{"type": effect, "actor": actor}]},
    }
    directive = as_told_by(read_directive(consent), "his", known)
    book = Rulebook(Directives([directive]), TableDefault(frozenset()))
    asked = Request.of(purposes=["TREAT"], actors=[asks], action="disclose", now=NOW)
    return book.decide(asked, NOTHING_KNOWN).is_permit


def test_a_permit_to_somebody_of_a_source_is_none_for_a_namesake() -> None:
    known = frozenset({LOCAL})
    assert not decides("permit", named=LOCAL, asks=LOCAL, known=known)
    assert decides("permit", named=LOCAL, asks=SEVEN, known=known)


def test_a_deny_to_somebody_whom_nobody_knows_may_mean_anybody() -> None:
    assert not decides("deny", named=LOCAL, asks="Organization/1", known=frozenset())


def test_a_deny_to_somebody_who_is_listed_means_them_alone() -> None:
    known = frozenset({SEVEN})
    assert decides("deny", named=LOCAL, asks="Organization/1", known=known)
    assert not decides("deny", named=LOCAL, asks=SEVEN, known=known)


@pytest.mark.parametrize("name", ["http://x.example/fhir/Organization/7", "urn:oid:1.2.3"])
def test_an_address_means_the_same_whoever_says_it(name: str) -> None:
    assert decides("permit", named=name, asks=name, known=frozenset())
    assert decides("deny", named=name, asks="Organization/1", known=frozenset())
