"""Why people come, and what is done for them: pathways, examinations, medicines, vaccines."""

import dataclasses
from typing import Final

__all__ = ["MEDICINES", "PATHWAYS", "STUDIES_MADE", "VACCINES", "Medicine", "Pathway", "Study"]


@dataclasses.dataclass(frozen=True, slots=True)
class Study:
    """An examination by pictures, and what may be seen on it (the usual finding first)."""

    code: str
    modality: str
    findings: tuple[str, ...]
    impression: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Medicine:
    """A medicine: RxNorm ingredient, strength, form, dose and route, how often (HL7 table 0335)."""

    code: str
    amount: str
    unit: str
    form: str
    route: str
    often: str


@dataclasses.dataclass(frozen=True, slots=True)
class Pathway:
    """A reason to come, and what follows from it.

    Attributes:
        mode: planned, emergency or ambulatory in the hospital; clinic; birth; shots.
        weight: among the pathways that fit a person.
        ages: least and greatest age in years.
        sex: whom it concerns; "" for everybody.
        needs: a chronic condition without which nobody comes.
        suspected: text at arrival, and the diagnosis made.
        days: usual length of stay; 0 for a visit of hours.
        illness: 0 to 1, for the laboratory values.
    """

    name: str
    mode: str
    weight: int
    ages: tuple[int, int]
    service: str
    wards: tuple[str, ...]
    suspected: str
    diagnosis: str
    panels: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()
    medicines: tuple[str, ...] = ()
    procedure: str = ""
    days: float = 0.0
    illness: float = 0.2
    sex: str = ""
    needs: str = ""


STUDIES_MADE: Final = {
    "chest": Study(
        "36643-5^XR Chest 2 Views^LN^CXR2^Chest two views^99HRIS", "CR",
        ("Lungs clear. No effusion.", "Consolidation in the right lower zone.",
         "Small effusion on the left. Heart enlarged."),
        ("No acute finding.", "Right lower lobe pneumonia.", "Signs of congestion."),
    ),
    "head": Study(
        "24725-4^CT Head^LN^CTH^Head without contrast^99HRIS", "CT",
        ("No bleeding. Ventricles of normal width.", "Hypodensity in the left middle territory."),
        ("No acute finding.", "Recent ischaemia on the left."),
    ),
    "abdomen": Study(
        "24558-9^US Abdomen^LN^USA^Abdomen ultrasound^99HRIS", "US",
        ("Liver and kidneys normal.", "Stones in the gallbladder, wall 5 mm.",
         "Appendix 9 mm, not compressible."),
        ("Normal for age.", "Gallstones.", "Suspected appendicitis."),
    ),
    "hip": Study(
        "HIP2^Hip two views^99HRIS", "CR",
        ("Fracture of the femoral neck, displaced.", "No fracture."),
        ("Displaced femoral neck fracture.", "No fracture."),
    ),
    "density": Study(
        "DXA^Bone density^99HRIS", "DXA",
        ("T score spine -1.2, hip -0.9.", "T score spine -2.7, hip -2.5."),
        ("Osteopenia.", "Osteoporosis."),
    ),
}  # fmt: skip

MEDICINES: Final = {
    "amoxicillin": Medicine("723^Amoxicillin^RXNORM", "500", "mg", "CAP", "PO^Oral^HL70162", "TID"),
    "ceftriaxone": Medicine(
        "2193^Ceftriaxone^RXNORM", "2", "g", "INJ", "IV^Intravenous^HL70162", "QD"
    ),
    "furosemide": Medicine("4603^Furosemide^RXNORM", "40", "mg", "TAB", "PO^Oral^HL70162", "BID"),
    "lisinopril": Medicine("29046^Lisinopril^RXNORM", "10", "mg", "TAB", "PO^Oral^HL70162", "QD"),
    "metformin": Medicine("6809^Metformin^RXNORM", "850", "mg", "TAB", "PO^Oral^HL70162", "BID"),
    "enoxaparin": Medicine(
        "67108^Enoxaparin^RXNORM", "40", "mg", "INJ", "SC^Subcutaneous^HL70162", "QD"
    ),
    "paracetamol": Medicine(
        "161^Acetaminophen^RXNORM", "1000", "mg", "TAB", "PO^Oral^HL70162", "QID"
    ),
    "salbutamol": Medicine(
        "435^Albuterol^RXNORM", "2", "puff", "AER", "IH^Inhalation^HL70162", "QID"
    ),
}

VACCINES: Final = (
    # CVX, maker of HL7 table 0227, least and greatest age, dose in mL
    ("08^Hepatitis B, adolescent or pediatric^CVX", "MSD^Merck^MVX", 0, 1, "0.5"),
    ("20^DTaP^CVX", "PMC^Sanofi Pasteur^MVX", 0, 6, "0.5"),
    ("10^IPV^CVX", "PMC^Sanofi Pasteur^MVX", 0, 6, "0.5"),
    ("03^MMR^CVX", "MSD^Merck^MVX", 1, 12, "0.5"),
    ("21^Varicella^CVX", "MSD^Merck^MVX", 1, 12, "0.5"),
    ("115^Tdap^CVX", "SKB^GlaxoSmithKline^MVX", 10, 90, "0.5"),
    ("88^Influenza, unspecified formulation^CVX", "PMC^Sanofi Pasteur^MVX", 1, 99, "0.5"),
)

PATHWAYS: Final = (
    Pathway(
        "pneumonia", "emergency", 8, (2, 99), "MED", ("W3", "W4", "ICU"), "Cough and fever",
        "J18.9^Pneumonia, unspecified organism^I10C", ("count", "metabolic", "inflammation", "culture"),
        ("chest",), ("ceftriaxone", "paracetamol"), days=5, illness=0.9,
    ),
    Pathway(
        "heart-failure", "emergency", 6, (58, 99), "CAR", ("W5", "ICU"), "Breathlessness",
        "I50.9^Heart failure, unspecified^I10C", ("count", "metabolic", "troponin"), ("chest",),
        ("furosemide", "lisinopril"), days=6, illness=0.6,
    ),
    Pathway(
        "chest-pain", "emergency", 7, (35, 95), "EMR", ("ED",), "Chest pain",
        "R07.9^Chest pain, unspecified^I10C", ("count", "metabolic", "troponin"), ("chest",),
        days=0, illness=0.3,
    ),
    Pathway(
        "stroke", "emergency", 3, (50, 99), "NEU", ("W6", "ICU"), "Weakness of the right arm",
        "I63.9^Cerebral infarction, unspecified^I10C", ("count", "metabolic", "lipids"), ("head",),
        ("enoxaparin",), days=8, illness=0.5,
    ),
    Pathway(
        "urinary-infection", "emergency", 5, (16, 99), "EMR", ("ED",), "Pain on passing water",
        "N39.0^Urinary tract infection, site not specified^I10C", ("count", "urine"), (),
        ("amoxicillin",), days=0, illness=0.5, sex="F",
    ),
    Pathway(
        "appendicitis", "emergency", 4, (6, 50), "SUR", ("W2",), "Pain in the lower abdomen",
        "K35.80^Unspecified acute appendicitis^I10C", ("count", "inflammation"), ("abdomen",),
        ("ceftriaxone", "paracetamol"), "80146002^Appendectomy^SCT", 3, 0.7,
    ),
    Pathway(
        "hip-fracture", "emergency", 4, (65, 99), "ORT", ("W1",), "Fall at home",
        "S72.001A^Fracture of unspecified part of neck of right femur, initial encounter^I10C",
        ("count", "metabolic", "group"), ("hip",), ("enoxaparin", "paracetamol"),
        "397956004^Prosthetic arthroplasty of hip^SCT", 9, 0.4,
    ),
    Pathway(
        "gallbladder", "planned", 9, (25, 80), "SUR", ("W2",), "Gallstones, for operation",
        "K80.20^Calculus of gallbladder without cholecystitis without obstruction^I10C",
        ("count", "liver", "group"), ("abdomen",), ("paracetamol",),
        "38102005^Cholecystectomy^SCT", 3, 0.2,
    ),
    Pathway(
        "birth", "birth", 9, (19, 43), "OBS", ("MAT",), "Labour",
        "O80^Encounter for full-term uncomplicated delivery^I10C", ("count", "group"), (),
        ("paracetamol",), "177184002^Normal delivery procedure^SCT", 3, 0.1, "F",
    ),
    Pathway(
        "density", "ambulatory", 3, (55, 90), "RAD", ("OPD",), "Bone density check",
        "M81.0^Age-related osteoporosis without current pathological fracture^I10C",
        (), ("density",), sex="F",
    ),
    Pathway(
        "asthma", "ambulatory", 4, (4, 60), "MED", ("OPD",), "Asthma review",
        "J45.909^Unspecified asthma, uncomplicated^I10C", ("count",), ("chest",), ("salbutamol",),
        needs="asthma",
    ),
    Pathway(
        "diabetes", "clinic", 8, (18, 95), "GEN", ("RM",), "Diabetes check",
        "E11.9^Type 2 diabetes mellitus without complications^I10C",
        ("sugar", "metabolic", "lipids"), (), ("metformin",), needs="diabetes",
    ),
    Pathway(
        "pressure", "clinic", 8, (18, 95), "GEN", ("RM",), "Blood pressure check",
        "I10^Essential (primary) hypertension^I10C", ("metabolic", "urine"), (), ("lisinopril",),
        needs="hypertension",
    ),
    Pathway(
        "thyroid", "clinic", 4, (18, 95), "GEN", ("RM",), "Tiredness",
        "E03.9^Hypothyroidism, unspecified^I10C", ("thyroid", "count"), (), needs="thyroid",
    ),
    Pathway(
        "cold", "clinic", 6, (1, 99), "GEN", ("RM",), "Cough",
        "J06.9^Acute upper respiratory infection, unspecified^I10C", ("count", "inflammation"),
        illness=0.3,
    ),
    Pathway(
        "shots", "shots", 10, (0, 99), "GEN", ("RM",), "Immunisation",
        "Z23^Encounter for immunization^I10C",
    ),
)  # fmt: skip
