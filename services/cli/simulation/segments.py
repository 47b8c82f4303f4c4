"""Segments that several systems write: persons, visits, kin, insurance, allergies, diagnoses.

Fields are those of HL7 v2.5.1; older systems write the same ones in their own way.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from plexus.codecs.hl7v2 import escape
from services.cli.simulation.agenda import stamp
from services.cli.simulation.numbers import NATIONAL, Authority
from services.cli.simulation.people import Person
from services.cli.simulation.stays import Facility, Stay
from services.cli.simulation.systems import System

__all__ = [
    "allergies",
    "diagnosis",
    "doctor",
    "insurance",
    "kin",
    "patient",
    "patient_number",
    "procedure",
    "segment",
    "short_patient",
    "visit",
]

_UNKNOWN: Final = "UNKNOWN^TRAUMA"


def segment(name: str, fields: Mapping[int, str]) -> str:
    """A segment of some fields, whose numbers must rise; empty ones at its end are left out."""
    pieces = [name]
    last = 0
    for number, text in fields.items():
        if text:
            pieces.append("|" * (number - last))
            pieces.append(text)
            last = number
    return "".join(pieces)


def patient_number(system: System, authority: Authority, value: str) -> str:
    """As CX."""
    realm = authority.subcomponents if system.oids else authority.name
    return f"{value}^^^{realm}^{authority.kind}"


def patient(
    system: System,
    person: Person,
    numbers: Sequence[tuple[Authority, str]],
    *,
    account: str = "",
) -> str:
    """PID with everything that registration knows.

    Args:
        system: whose habits it has.
        person: as they really are.
        numbers: for PID-3.
        account: the visit that PID-18 names.
    """
    identifiers = "~".join(patient_number(system, *one) for one in numbers)
    if person.unknown == numbers[0][1]:
        return f"PID|1||{identifiers}||{_UNKNOWN}^^^^^U|||{person.sex}"
    if system.oids and NATIONAL.name in person.numbers:
        identifiers += "~" + patient_number(system, NATIONAL, person.number(NATIONAL))
    mother = person.mother
    fields = {
        1: "1",
        3: identifiers,
        5: names(system, person),
        6: f"{mother.maiden}^^^^^^M" if mother is not None and mother.maiden else "",
        7: born(system, person),
        8: person.sex,
        11: address(system, person),
        13: phones(system, person),
        15: f"{person.culture.language[0]}^{person.culture.language[1]}^ISO639",
        16: {"M": "M^Married^HL70002", "S": "S^Single^HL70002"}[person.marital]
        if system.oids
        else person.marital,
        18: account,
    }
    if person.born_at is not None:
        if mother is not None and (number := mother.number(numbers[0][0])):
            fields[21] = patient_number(system, numbers[0][0], number)
        if person.birth_order:
            fields[24], fields[25] = "Y", str(person.birth_order)
    if person.died_at is not None:
        fields[29], fields[30] = system.stamp(person.died_at), "Y"
    return segment("PID", fields)


def short_patient(system: System, person: Person, authority: Authority, number: str) -> str:
    """PID as other departments write it: number, name, birth date and sex."""
    if person.unknown == number:
        return f"PID|1||{patient_number(system, authority, number)}||{_UNKNOWN}|||{person.sex}"
    given = person.given if person.named else ("BABY BOY" if person.sex == "M" else "BABY GIRL")
    return (
        f"PID|1||{patient_number(system, authority, number)}||{person.family}^{given}||"
        f"{person.born:%Y%m%d}|{person.sex}"
    )


def names(system: System, person: Person) -> str:
    """As XPN; the name of birth follows where another is borne."""
    if person.named:
        given = person.given
    else:
        letter = f" {'ABC'[person.birth_order - 1]}" if person.birth_order else ""
        given = ("BABY BOY" if person.sex == "M" else "BABY GIRL") + letter
    current = f"{person.family}^{given}^{person.middle}^{person.suffix}^{person.prefix}^^L"
    if person.maiden and system.oids:
        return f"{current}~{person.maiden}^{given}^^^^^M"
    return current


def born(system: System, person: Person) -> str:
    """Birth date; the time too where the hospital has seen it."""
    if person.born_at is not None and system.oids:
        return stamp(person.born_at, zone=system.zone)
    return f"{person.born:%Y%m%d}"


def address(system: System, person: Person) -> str:
    """As XAD."""
    home = person.home
    return f"{home.street}^^{home.town}^ZZ^{home.zip}^XX^{'H' if system.oids else ''}".rstrip("^")


def phones(system: System, person: Person) -> str:
    """As XTN: of the household and of the person. Area code 555 is given to nobody."""
    if not system.oids:
        return f"555-{person.home.phone}"
    told = f"^PRN^PH^^^555^{person.home.phone}"
    if person.mobile:
        told += f"~^ORN^CP^^^555^{person.mobile}~^NET^Internet^{person.mail}"
    return told


def doctor(system: System, facility: Facility, who: tuple[str, str, str, str]) -> str:
    """As XCN."""
    number, family, given, title = who
    if not system.oids:
        return f"{number}^{family}^{given}^^^{title}"
    return f"{number}^{family}^{given}^^^{title}^^^{facility.staff.subcomponents}^L^^^EI"


def visit(system: System, stay: Stay, *, short: bool = False, disposition: str = "") -> str:
    """PV1; `short` is what other departments know of it."""
    visits = stay.facility.visits
    realm = visits.subcomponents if system.oids else visits.name
    fields = {1: "1", 2: stay.kind, 3: stay.place, 19: f"{stay.visit}^^^{realm}^VN"}
    if short:
        return segment("PV1", fields)
    who = doctor(system, stay.facility, stay.doctor)
    emergency = stay.pathway.mode == "emergency"
    return segment(
        "PV1",
        {
            1: "1",
            2: stay.kind,
            3: stay.place,
            4: "E" if emergency else "N" if stay.person.born_at == stay.admitted_at else "R",
            6: stay.left,
            7: who,
            10: stay.pathway.service,
            14: "7" if emergency else "1",
            17: who if stay.kind == "I" else "",
            19: fields[19],
            36: disposition,
            44: system.stamp(stay.admitted_at) if stay.admitted_at is not None else "",
            45: system.stamp(stay.discharged_at) if stay.discharged_at is not None else "",
        },
    )


def kin(system: System, person: Person) -> list[str]:
    """NK1, of two relatives at most."""
    meaning = {"SPO": "Spouse", "MTH": "Mother", "FTH": "Father"}
    return [
        segment(
            "NK1",
            {
                1: str(place),
                2: f"{other.family}^{other.given}",
                3: f"{role}^{meaning[role]}^HL70063",
                5: f"^PRN^PH^^^555^{other.home.phone}"
                if system.oids
                else f"555-{other.home.phone}",
            },
        )
        for place, (role, other) in enumerate(person.kin[:2], 1)
    ]


def allergies(system: System, person: Person) -> list[str]:
    """AL1; before v2.5 kind and severity are bare codes."""
    words = {
        "DA": "Drug allergy", "FA": "Food allergy", "LA": "Pollen allergy",
        "SV": "Severe", "MO": "Moderate", "MI": "Mild",
    }  # fmt: skip

    def coded(code: str, table: str) -> str:
        return f"{code}^{words[code]}^{table}" if system.version >= "2.5" else code

    return [
        f"AL1|{place}|{coded(kind, 'HL70127')}|{what}|{coded(severity, 'HL70128')}|{how}"
        for place, (kind, what, severity, how) in enumerate(person.allergies, 1)
    ]


def diagnosis(system: System, stay: Stay) -> list[str]:
    """DG1: of the admission as text, later the one that was made."""
    at = system.stamp(stay.admitted_at) if stay.admitted_at is not None else ""
    if stay.diagnosed:
        return [f"DG1|1||{stay.pathway.diagnosis}||{at}|F"]
    return [f"DG1|1||^{escape(stay.pathway.suspected)}||{at}|A"]


def procedure(system: System, stay: Stay) -> Iterable[str]:
    """PR1, once it has been done."""
    if stay.operated_at is None:
        return []
    who = doctor(system, stay.facility, stay.facility.doctors[1])
    return [segment("PR1", {1: "1", 3: stay.pathway.procedure, 5: system.stamp(stay.operated_at),
                            6: "P", 11: who})]  # fmt: skip


def insurance(system: System, person: Person) -> list[str]:
    """IN1."""
    plan, number, company = person.plan
    realm = "PAYERS&2.16.840.1.113883.3.9999.20.81&ISO" if system.oids else "PAYERS"
    return [
        segment(
            "IN1",
            {
                1: "1",
                2: plan,
                3: f"{number}^^^{realm}",
                4: escape(company),
                36: person.policy,
            },
        )
    ]
