"""How other converters' outputs are held against ours."""

import re

from services.cli.benchmark.goldens import Agreement, Difference, facts, listed, values


def bundle(*resources: dict[str, object]) -> dict[str, object]:
    return {"entry": [{"resource": each} for each in resources]}


def test_facts_leave_out_ids_references_extensions_and_what_is_about_messages() -> None:
    made = bundle(
        {"resourceType": "Provenance", "recorded": "2024-01-01"},
        {
            "resourceType": "Patient", "id": "1", "extension": [{"url": "u"}], "text": {"status": "x"},
            "identifier": [{"system": "urn:plexus:person", "value": "p"}, {"system": "urn:oid:1.2", "value": "7"}],
            "managingOrganization": {"reference": "Organization/1", "display": "H"},
            "generalPractitioner": [{"type": "Practitioner", "identifier": {"value": "9"}}],
            "name": [{"family": "Doe", "given": ["Jane", "Q"]}],
        },
    )  # fmt: skip
    assert facts(made) == {
        ("Patient.identifier.system", "1.2"),
        ("Patient.identifier.value", "7"),
        ("Patient.name.family", "Doe"),
        ("Patient.name.given", "Jane"),
        ("Patient.name.given", "Q"),
    }


def test_values_are_held_against_each_other_by_what_they_mean() -> None:
    def one(system: str, moment: str, number: object) -> set[tuple[str, str]]:
        return facts(
            bundle(
                {
                    "resourceType": "Observation",
                    "identifier": [{"system": system}],
                    "effectiveDateTime": moment,
                    "valueQuantity": {"value": number},
                }
            )
        )

    ours = one("urn:plexus:authority:HOSP", "2024-01-01T01:00:00+01:00", 7.0)
    assert ours == one("http://example.com/v2/Identifier/HOSP", "2024-01-01T00:00:00Z", 7)
    assert ours != one("urn:plexus:authority:OTHER", "2024-01-01T01:00:00Z", 7)


def test_a_listed_difference_leaves_the_share_that_counts_without_it() -> None:
    meant = Difference("X", "golden", re.compile("Organization"), "authorities", elsewhere=True)
    found = Agreement([meant])
    golden = {
        ("Organization.name", "hosp"),
        ("Organization.name", "other"),
        ("Patient.gender", "male"),
    }
    ours = {("Patient.gender", "male"), ("Patient.active", "True")}
    found.add(golden, ours, values({"a": [{"b": "urn:plexus:authority:HOSP"}]}))
    assert (found.recall(), found.precision()) == (1 / 3, 1 / 2)
    assert (found.recall(without_meant=True), found.precision(without_meant=True)) == (1 / 2, 1 / 2)
    assert found.unlisted == {("Organization.name", True): 1, ("Patient.active", False): 1}


def test_every_listed_difference_has_a_reason_and_a_side() -> None:
    assert all(each.reason and each.side in {"golden", "ours"} for each in listed())
