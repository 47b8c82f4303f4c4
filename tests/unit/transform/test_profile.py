"""Partner profiles: what they catch, what they let pass, and how their own mistakes are told."""

import pathlib
from datetime import UTC, datetime
from typing import cast

import pytest

from plexus.actors import Turn
from plexus.actors.turn import TurnFailed
from plexus.api.canonical.v1.event_pb2 import SEVERITY_ERROR, SEVERITY_WARNING
from plexus.api.envelope.v1.envelope_pb2 import Envelope, PayloadKind
from plexus.codecs.hl7v2 import read
from plexus.errors import ConfigurationError, InvalidMessage, Reason
from plexus.ids import KeyDigest
from plexus.store import Transaction
from services.transform.domain import (
    Coders,
    Maps,
    Profile,
    SourceContext,
    SourceMaps,
    convert,
    violations,
)
from services.transform.domain.profile import MAX_VIOLATIONS
from services.transform.flow import TransformStage
from services.transform.settings import load_profile
from tests.unit.transform.messages import PID, message

HEAD = "profile:\n- name: north\n"


def profile(tmp_path: pathlib.Path, text: str, head: str = HEAD) -> Profile:
    file = tmp_path / "north.yaml"
    file.write_text(head + text)
    return load_profile(file)


def told(found: Profile, *segments: str, kind: str = "ADT^A01") -> list[str]:
    issues = violations(found, read(message(kind, *segments)))
    return [f"{issue.location}: {issue.detail}" for issue in issues]


SAYS = " (profile north)."


@pytest.mark.parametrize(
    ("rules", "segments", "expected"),
    [
        ("segments:\n- {name: PV1, usage: required}", [PID], ["PV1: PV1 is required"]),
        ("segments:\n- {name: PV1, usage: required}", [PID, "PV1|1"], []),
        ("segments:\n- {name: GT1, usage: forbidden}", ["GT1|1"], ["GT1: GT1 must not come"]),
        ("segments:\n- {name: NK1, max: 1}", ["NK1|1", "NK1|2"], ["NK1: NK1 may come 1 times; there are 2"]),
        ("segments:\n- {name: NK1, min: 2}", ["NK1|1"], ["NK1: NK1 must come 2 times; there are 1"]),
        ("segments:\n- {name: MRG, usage: required, messages: [ADT^A40]}", [PID], []),
        ("segments:\n- {name: MRG, usage: required, messages: [ADT]}", [PID], ["MRG: MRG is required"]),
        ("fields:\n- {place: PID-3, usage: required}", ["PID|1||7"], []),
        ("fields:\n- {place: PID-3, usage: required}", ["PID|1", "PID|2"],
         ["PID[1]-3: PID-3 is required", "PID[2]-3: PID-3 is required"]),
        # The null says that there is none.
        ("fields:\n- {place: PID-3, usage: required}", ['PID|1||""'], ["PID[1]-3: PID-3 is required"]),
        ("fields:\n- {place: PID-3, max: 1}", ["PID|1||7~8"], ["PID[1]-3: PID-3 may come 1 times; there are 2"]),
        ("fields:\n- {place: PID-19, usage: forbidden}", ["PID|" + "|" * 18 + "x"],
         ["PID[1]-19: PID-19 must not come"]),
        ("fields:\n- {place: PID-3.4, usage: required}", ["PID|1||7^^^H~8"],
         ["PID[1]-3[2].4: PID-3.4 is required"]),
        ("fields:\n- {place: PID-3.4, usage: required}", ["PID|1"], []),
        ("fields:\n- {place: PID-3.4.2, usage: forbidden}", ["PID|1||7^^^H&1.2&ISO"],
         ["PID[1]-3[1].4.2: PID-3.4.2 must be empty"]),
        ("fields:\n- {place: PID-5.1, length: 3}", ["PID|1||7||Dorn^Ida~Ems"],
         ["PID[1]-5[1].1: PID-5.1 is longer than 3 characters"]),
        # As meant: an escape sequence is one character.
        ("fields:\n- {place: PID-5.1, length: 3}", ["PID|1||7||a\\T\\b"], []),
        ("fields:\n- {place: PID-8, table: [F, M]}", ["PID|1||7|||||X"],
         ["PID[1]-8[1]: PID-8 is none of the codes that were agreed"]),
        ("fields:\n- {place: PID-8, table: [F, M]}", ["PID|1||7|||||F"], []),
        ("fields:\n- {place: PID-8, table: [F, M]}", ['PID|1||7|||||""'], []),
        ("segments:\n- {name: ZPI}", ["ZPI|1", "ZZZ|1"], []),
    ],
)  # fmt: skip
def test_a_rule_catches_what_breaks_it(
    tmp_path: pathlib.Path, rules: str, segments: list[str], expected: list[str]
) -> None:
    assert told(profile(tmp_path, rules), *segments) == [f"{text}{SAYS}" for text in expected]


def test_local_segments_that_were_not_agreed_are_told(tmp_path: pathlib.Path) -> None:
    found = profile(tmp_path, "  local_segments: named\nsegments:\n- {name: ZPI, max: 1}\n")
    assert told(found, "ZPI|1", "ZZZ|1") == [f"ZZZ[1]: The local segment was not agreed{SAYS}"]


def test_a_profile_is_for_the_messages_that_it_names(tmp_path: pathlib.Path) -> None:
    found = profile(
        tmp_path, "  messages: [ORU, ADT^A01]\nsegments:\n- {name: PV1, usage: required}\n"
    )
    assert told(found, PID)
    assert told(found, PID, kind="ORU^R01")
    assert not told(found, PID, kind="ADT^A08")


def test_severity_is_that_of_the_rule_else_of_the_profile(tmp_path: pathlib.Path) -> None:
    text = "  severity: error\nsegments:\n- {name: PV1, usage: required}\n"
    text += "fields:\n- {place: PID-8, usage: required, severity: warning}\n"
    issues = violations(profile(tmp_path, text), read(message("ADT^A01", PID)))
    assert [issue.severity for issue in issues] == [SEVERITY_ERROR, SEVERITY_WARNING]


def test_no_message_makes_endless_issues_and_no_issue_holds_a_value(tmp_path: pathlib.Path) -> None:
    found = profile(tmp_path, "fields:\n- {place: NK1-2, table: [x]}\n")
    issues = violations(found, read(message("ADT^A01", *["NK1|1|Secretname"] * 500)))
    assert len(issues) == MAX_VIOLATIONS
    assert not any("Secretname" in str(issue) for issue in issues)


def test_conversion_warns_or_refuses_as_the_profile_says(
    tmp_path: pathlib.Path, maps: Maps
) -> None:
    rules = "segments:\n- {name: PV1, usage: required, severity: %s}\n"
    content = message("ADT^A08", PID)
    warns = SourceContext("acme", "hosp", "m-1", profile=profile(tmp_path, rules % "warning"))
    event = convert(maps, content, warns)
    assert [(i.reason, i.location) for i in event.issues] == [(Reason.REASON_PROFILE, "PV1")]
    refuses = SourceContext("acme", "hosp", "m-1", profile=profile(tmp_path, rules % "error"))
    with pytest.raises(InvalidMessage) as caught:
        convert(maps, content, refuses)
    assert (caught.value.reason, caught.value.location) == (Reason.REASON_PROFILE, "PV1")


@pytest.fixture
def strict(tmp_path: pathlib.Path) -> Profile:
    """A profile whose only rule is an error."""
    return profile(tmp_path, "  severity: error\nsegments:\n- {name: PV1, usage: required}\n")


async def test_the_stage_holds_each_source_to_its_own_profile(strict: Profile, maps: Maps) -> None:
    coders = Coders(SourceMaps(maps), {})
    stage = TransformStage(
        SourceMaps(maps),
        {},
        coders,
        {("acme", "strict"): strict},
        digest=KeyDigest(b"a secret for tests only"),
    )

    def turn(source: str) -> Turn:
        envelope = Envelope(
            message_id="m-1",
            tenant="acme",
            source=source,
            kind=PayloadKind.PAYLOAD_KIND_RAW,
            payload=message("ADT^A08", PID),
        )
        return Turn(envelope, unit="0", sequence=1, now=datetime.now(UTC))

    other = turn("other")
    await stage.turn_batch([other], cast("Transaction", None))
    assert len(other.outputs) == 1
    with pytest.raises(TurnFailed) as caught:
        await stage.turn_batch([turn("strict")], cast("Transaction", None))
    assert isinstance(caught.value.error, InvalidMessage)
    assert caught.value.error.reason == Reason.REASON_PROFILE


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("segments:\n- {name: PV1, usage: sometimes}", 4, "usage"),
        ("segments:\n- {name: pv1}", 4, "pattern"),
        ("segments:\n- name: PV1\n  mx: 1", 5, "mx"),
        ("segments:\n- {name: PV1, min: 3, max: 2}", 4, "max is below min"),
        ("segments:\n- {name: PV1, usage: forbidden, max: 2}", 4, "neither min nor max"),
        ("segments:\n- {name: PV1}\n- {name: PV1}", 5, "has a rule already"),
        ("fields:\n- {place: PID3}", 4, "pattern"),
        ("fields:\n- {place: PID-3.1.1.1}", 4, "pattern"),
        ("fields:\n- {place: PID-3.1, max: 2}", 4, "only fields repeat"),
        ("fields:\n\n- {place: PID-3, table: [1]}", 5, "string"),
        ("rules: []", 3, "nothing is called rules"),
        ("- name: again", 1, "one entry"),
    ],
)
def test_a_mistake_in_a_profile_is_named_by_line(
    tmp_path: pathlib.Path, text: str, line: int, says: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        profile(tmp_path, text)
    first = caught.value.detail.splitlines()[0]
    assert first.startswith(f"{tmp_path}/north.yaml:{line}: ")
    assert says in first


def test_a_profile_that_is_not_there_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gone\.yaml: cannot read the profile"):
        load_profile(tmp_path / "gone.yaml")
