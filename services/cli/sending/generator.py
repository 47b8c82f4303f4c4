"""Synthetic traffic of a hospital: admissions, updates, discharges and laboratory results.

Everybody in it is invented, and the same seed gives the same messages. Persons differ enough that no
two are ever taken for one. Messages are about 1 to 2 KB, half of them ORU^R01 with eight results,
half ADT: each person is admitted (A01), updated (A08) and discharged (A03), again and again.
"""

import dataclasses
import datetime
import itertools
import random
from collections.abc import Iterator
from typing import Final

from services.cli.sending.outgoing import Outgoing

__all__ = ["TrafficGenerator"]

_FIRST = datetime.datetime(2026, 1, 5, 6, 0, tzinfo=datetime.UTC)
_GAP = datetime.timedelta(milliseconds=500)
_EVENTS: Final = ("A01", "A08", "A03")

_STARTS = [
    "Bram",
    "Quill",
    "Tansy",
    "Ferro",
    "Umber",
    "Wick",
    "Larch",
    "Drum",
    "Spindle",
    "Copper",
    "Marl",
    "Oster",
    "Pell",
    "Thistle",
    "Vane",
]
_ENDS = [
    "worth",
    "feather",
    "grove",
    "stead",
    "mantle",
    "barrow",
    "lock",
    "thorpe",
    "ridge",
    "combe",
    "wright",
    "holt",
    "field",
    "dale",
]
_GIVEN = {
    "F": [
        "Ambrosia",
        "Cordelia",
        "Dorothea",
        "Georgina",
        "Minerva",
        "Primrose",
        "Tabitha",
        "Winifred",
        "Ottilie",
    ],
    "M": [
        "Barnaby",
        "Ezekiel",
        "Florian",
        "Hugo",
        "Leopold",
        "Orson",
        "Quincy",
        "Thaddeus",
        "Valentin",
        "Ignatius",
    ],
}
_STREETS = [
    "Lantern Lane",
    "Inkwell Row",
    "Kettle Street",
    "Paper Mill Road",
    "Teasel Walk",
    "Weaver Court",
]
_WARDS = ("W1", "W2", "W3", "ICU", "MAT", "SUR")
_DIAGNOSES = (
    "J18.9^Pneumonia, unspecified organism",
    "I10^Essential (primary) hypertension",
    "E11.9^Type 2 diabetes mellitus without complications",
    "N39.0^Urinary tract infection, site not specified",
)
# LOINC, name, unit in UCUM, range, digits after the point.
_CHEMISTRY: Final = (
    ("2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", 70, 99, 0),
    ("2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", 135, 145, 0),
    ("2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", 3.5, 5.1, 1),
    ("2075-0", "Chloride [Moles/volume] in Serum or Plasma", "mmol/L", 98, 107, 0),
    ("2028-9", "Carbon dioxide, total [Moles/volume] in Serum or Plasma", "mmol/L", 22, 29, 0),
    ("3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma", "mg/dL", 6, 20, 0),
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 0.5, 1.1, 2),
    ("17861-6", "Calcium [Mass/volume] in Serum or Plasma", "mg/dL", 8.6, 10.2, 1),
)
_TIME: Final = "TIME"
_REPORT: Final = "".join(
    f"OBX|{place}|NM|{code}^{name}^LN||%s|{unit}^^UCUM|{low}-{high}|%s|||F|||{_TIME}\r"
    for place, (code, name, unit, low, high, _) in enumerate(_CHEMISTRY, start=1)
)
# What is drawn from: where it begins and how wide it is; range and digits.
_VALUES: Final = [
    (low * 0.85, high * 1.15 - low * 0.85, low, high, digits)
    for _, _, _, low, high, digits in _CHEMISTRY
]
_HOSPITAL = "BENCH&2.16.840.1.113883.3.9999.7.1&ISO"
_VISITS = "BENCHVISIT&2.16.840.1.113883.3.9999.7.2&ISO"
_STAFF = "BENCHSTAFF&2.16.840.1.113883.3.9999.7.3&ISO"
_ORDERS = "BENCHORD^2.16.840.1.113883.3.9999.7.4^ISO"
_FILLERS = "BENCHLAB^2.16.840.1.113883.3.9999.7.5^ISO"
_DOCTOR = f"9001^Inkblot^Iris^^^Dr^^^{_STAFF}^L^^^EI"


@dataclasses.dataclass(slots=True)
class _Patient:
    number: int
    identifier: str
    pid: str
    contact: str
    insurance: str
    diagnosis: str
    messages: int = 0
    visits: int = 0
    admitted: str = ""
    place: str = ""
    visit: str = ""  # PV1 of the visit, as it is until the discharge


class TrafficGenerator:
    """An endless stream of messages about some persons, in the order in which a source sends them."""

    def __init__(self, *, prefix: str, people: range, seed: int = 1) -> None:
        """Invent the persons.

        Args:
            prefix: begins every control id; at most 10 characters, so that MSH-10 keeps to 20.
            people: numbers of the persons. The same number is the same person, whoever sends.
            seed: of everything that is drawn.
        """
        self._prefix = prefix
        self._random = random.Random(f"{seed} {prefix}")  # noqa: S311 - invents, guards nothing
        self._patients = [_patient(number) for number in people]
        self._numbers = itertools.count(1)

    def __iter__(self) -> Iterator[Outgoing]:
        return self

    def __next__(self) -> Outgoing:
        """The next message, about a person drawn at random."""
        number = next(self._numbers)
        patient = self._random.choice(self._patients)
        at = (_FIRST + number * _GAP).strftime("%Y%m%d%H%M%S.%f")[:-2] + "+0000"
        control_id = f"{self._prefix}{number:08d}"
        patient.messages += 1
        # Every second one about a person is a result, so that a result has a visit to belong to.
        if patient.messages % 2:
            content = self._movement(patient, control_id, at)
        else:
            content = self._results(patient, control_id, at)
        return Outgoing(content.encode(), control_id, patient.identifier, control_id)

    def _movement(self, patient: _Patient, control_id: str, at: str) -> str:
        event = _EVENTS[patient.messages // 2 % len(_EVENTS)]
        if event == "A01":
            patient.visits += 1
            patient.admitted = at
            patient.place = (
                f"{self._random.choice(_WARDS)}^{self._random.randint(100, 420)}^A^BENCH"
            )
            patient.visit = _pv1(patient, "")
        segments = [
            _msh(
                "ADTBENCH",
                f"ADT^{event}^{'ADT_A03' if event == 'A03' else 'ADT_A01'}",
                control_id,
                at,
            ),
            f"EVN|{event}|{at}",
            patient.pid,
            patient.contact,
            _pv1(patient, at) if event == "A03" else patient.visit,
        ]
        if event == "A01":
            segments.append(
                "AL1|1|DA^Drug allergy^HL70127|70618^Penicillin^RXNORM|MO^Moderate^HL70128|Hives"
            )
        segments += (
            f"DG1|1||{patient.diagnosis}^I10C||{patient.admitted}|A",
            patient.insurance,
            "",
        )
        return "\r".join(segments)

    def _results(self, patient: _Patient, control_id: str, at: str) -> str:
        order, filler = f"O{control_id}^{_ORDERS}", f"F{control_id}^{_FILLERS}"
        panel = "24321-2^Basic metabolic 2000 panel - Serum or Plasma^LN"
        drawn: list[str] = []
        for lowest, width, low, high, digits in _VALUES:
            value = round(lowest + width * self._random.random(), digits)
            drawn.append(f"{value:.{digits}f}")
            drawn.append("L" if value < low else "H" if value > high else "N")
        return (
            f"{_msh('LABBENCH', 'ORU^R01^ORU_R01', control_id, at)}\r{patient.pid}\r{patient.visit}\r"
            f"ORC|RE|{order}|{filler}||CM||||{at}|||{_DOCTOR}\r"
            f"OBR|1|{order}|{filler}|{panel}|||{at}|||||||{at}||{_DOCTOR}||||||{at}||LAB|F\r"
            # All but values, flags and the time is the same in every report.
            f"{(_REPORT % tuple(drawn)).replace(_TIME, at)}"
        )


def _msh(sender: str, kind: str, control_id: str, at: str) -> str:
    return (
        f"MSH|^~\\&|{sender}|BENCH|PLEXUS|MESH|{at}||{kind}|{control_id}|P|2.5.1||||||UNICODE UTF-8"
    )


def _pv1(patient: _Patient, discharged: str) -> str:
    visit = f"V{patient.number:05d}-{patient.visits}^^^{_VISITS}^VN"
    fields = ["PV1", "1", "I", patient.place, "E", "", "", _DOCTOR, "", "", "MED"]
    fields += [""] * 8 + [visit] + [""] * 24 + [patient.admitted, discharged]
    return "|".join(fields).rstrip("|")


def _patient(number: int) -> _Patient:
    drawn = random.Random(f"person {number}")  # noqa: S311 - invents, guards nothing
    sex = drawn.choice("FM")
    # The number decides the name, so that two persons with one name are hundreds of numbers apart.
    family = _STARTS[number % len(_STARTS)] + _ENDS[number // len(_STARTS) % len(_ENDS)]
    given, middle = drawn.choice(_GIVEN[sex]), drawn.choice(_GIVEN[sex])
    born = datetime.date(1930, 1, 1) + datetime.timedelta(days=drawn.randrange(33_000))
    street = f"{number + 1} {drawn.choice(_STREETS)}"
    identifier = f"B{number:06d}^^^{_HOSPITAL}^MR"
    pid = (
        f"PID|1||{identifier}||{family}^{given}^{middle}^^^^L||{born:%Y%m%d}|{sex}|||"
        f"{street}^^Inkwell^ZZ^{number % 100_000:05d}^XX^H||^PRN^PH^^^555^{number:07d}"
        "||en^English^ISO639|M^Married^HL70002"
    )
    contact = f"NK1|1|{family}^{drawn.choice(_GIVEN['F'])}^^^^^L|SPO^Spouse^HL70063||^PRN^PH^^^556^{number:07d}"
    insurance = (
        f"IN1|1|GOLD^Gold plan^L|UGM01^^^{_HOSPITAL}|Umbrella \\T\\ Galoshes Mutual"
        f"{'|' * 32}POL-{880000 + number}"
    )
    diagnosis = _DIAGNOSES[number % len(_DIAGNOSES)]
    return _Patient(number, identifier, pid, contact, insurance, diagnosis)
