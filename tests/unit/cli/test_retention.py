"""How much of a message's values a bundle and an event hold. What is converted how is out of scope."""

from typing import Any

import orjson
import pytest

from plexus.codecs.fhir import Disclosure
from services.cli.benchmark.retention import Retention
from services.transform.domain import (
    Explanation,
    Maps,
    as_recorded,
    explain,
    load_maps,
    parse_overlay,
)
from tests.unit.transform.messages import CONTEXT, message

MAPS = load_maps()
DROPPING = load_maps(
    [
        parse_overlay(
            "o.map", "overlay o\nin segment PID -> Person\nadd drop PID-31 # ours: no use\n"
        )
    ]
)
PATIENT = "PID|1||4711^^^HOSP^MR||Vale^Iris||19700102|F" + "|" * 23 + "Nowhere"


def made_of(*segments: str, maps: Maps = MAPS) -> tuple[Explanation, dict[str, Any]]:
    explained = explain(maps, message("ADT^A01", *segments), CONTEXT)
    bundle: dict[str, Any] = orjson.loads(
        Disclosure(as_recorded(explained.event, tenant="t"), tenant="t").bundle_bytes(
            message_id="m"
        )
    )
    return explained, bundle


def counted(*segments: str, maps: Maps = MAPS) -> Retention:
    found = Retention()
    found.add(*made_of(*segments, maps=maps))
    return found


def test_values_are_counted_as_written_in_another_form_or_not_at_all() -> None:
    found = counted(PATIENT)
    # 4711, HOSP, Vale, Iris stand there, the date in another form, and PID-31 nowhere.
    assert (found.values, found.literal, found.in_another_form, found.kept) == (6, 4, 1, 5)


def test_a_value_counts_once_a_message_and_headers_z_segments_and_short_ones_never() -> None:
    twice = f"{PATIENT}\rNK1|1|Vale^Iris\rZPI|something"
    assert counted(twice).values == counted(PATIENT).values


def test_what_a_rule_drops_is_not_kept_and_told_apart() -> None:
    found = counted(PATIENT, maps=DROPPING)
    assert (found.values, found.kept, found.dropped) == (6, 5, 1)


def test_every_leaf_is_looked_for_in_the_event_and_its_residue() -> None:
    explained, bundle = made_of(PATIENT)
    whole = len(explained.leaves)
    [lost] = [each for each in explained.event.residue if each.value == "Nowhere"]

    def accounted() -> int:
        found = Retention()
        found.add(explained, bundle)
        assert found.leaves == whole
        return found.accounted

    assert accounted() == whole
    lost.value = "Somewhere"
    assert accounted() == whole - 1
    lost.value = "Nowhere"
    person = next(each for each in explained.event.resources if each.HasField("person"))
    person.person.names[0].ClearField("family")
    assert accounted() == whole - 1


@pytest.mark.parametrize("name", ["fullUrl", "reference", "id"])
def test_what_only_addresses_shows_nothing(name: str) -> None:
    explained, _ = made_of(PATIENT)
    found = Retention()
    found.add(explained, {"entry": [{name: "4711 HOSP Vale Iris Nowhere"}]})
    assert found.literal == 0
