"""What the laboratory measures: panels and their analytes, with LOINC, local codes and two unit habits.

Values follow from the person (a bias of their own, chronic conditions) and from how ill they are now,
so the same person's results look like one person's.
"""

import dataclasses
import random
from collections.abc import Set as AbstractSet
from typing import Final

__all__ = ["CULTURE", "DRUGS_TESTED", "GERMS", "PANELS", "Analyte", "Panel"]


@dataclasses.dataclass(frozen=True, slots=True)
class Analyte:
    """One thing that is measured.

    Attributes:
        loinc: code and name.
        local: code of the laboratory.
        unit: UCUM; `loose` is what old analysers print for it.
        low, high: reference range; None of both for coded results.
        digits: after the decimal point.
        raised_by: a condition that raises the value, and by how many widths of the range.
        words: coded or textual results, the usual one first.
        rises: with illness, in widths of the range at the worst.
        floor: below it the analyser prints "<floor" (an SN value).
    """

    loinc: str
    local: str
    unit: str = ""
    loose: str = ""
    low: float = 0.0
    high: float = 0.0
    digits: int = 0
    raised_by: tuple[str, float] = ("", 0.0)
    words: tuple[str, ...] = ()
    rises: float = 0.0
    floor: float = 0.0

    def draw(
        self, chance: random.Random, bias: float, conditions: AbstractSet[str], illness: float
    ) -> str:
        """A value as printed, without unit; `illness` from 0 (well) to 1."""
        if self.words:
            usual = chance.random() > 0.15 + 0.4 * illness
            return self.words[0] if usual else chance.choice(self.words)
        width = self.high - self.low
        value = (self.low + self.high) / 2 + width * (
            chance.gauss(bias * 0.2, 0.18) + self.rises * illness * chance.random()
        )
        if self.raised_by[0] in conditions:
            value += width * self.raised_by[1]
        if value < self.floor:
            return f"<{self.floor:.{self.digits}f}"
        return f"{max(value, self.low * 0.3):.{self.digits}f}"

    def flag(self, value: str) -> str:
        """Abnormal flag of HL7 table 0078."""
        if self.words:
            return "" if value == self.words[0] else "A"
        if value.startswith("<"):
            return "N"
        number = float(value)
        return "L" if number < self.low else "H" if number > self.high else "N"

    @property
    def reference(self) -> str:
        """The reference range as printed."""
        if self.words:
            return ""
        return f"{self.low:.{self.digits}f}-{self.high:.{self.digits}f}"


@dataclasses.dataclass(frozen=True, slots=True)
class Panel:
    """What is ordered together.

    Attributes:
        loinc, local: as of an analyte.
        minutes: usual time from the order to the result.
        preliminary: a preliminary result goes out first.
        specimen: HL7 table 0487.
    """

    loinc: str
    local: str
    analytes: tuple[Analyte, ...]
    minutes: int = 60
    preliminary: bool = False
    specimen: str = "SER^Serum^HL70487"


_A = Analyte
_COUNT: Final = Panel(
    "58410-2^CBC panel - Blood by Automated count", "CBC^Complete blood count",
    (
        _A("6690-2^Leukocytes [#/volume] in Blood by Automated count", "WBC^White cells",
           "10*3/uL", "K/uL", 4.0, 10.0, 1, rises=2.0),
        _A("789-8^Erythrocytes [#/volume] in Blood by Automated count", "RBC^Red cells",
           "10*6/uL", "M/uL", 4.2, 5.6, 2),
        _A("718-7^Hemoglobin [Mass/volume] in Blood", "HGB^Haemoglobin", "g/dL", "g/dl",
           12.5, 16.5, 1, ("kidney", -0.6)),
        _A("4544-3^Hematocrit [Volume Fraction] of Blood by Automated count", "HCT^Haematocrit",
           "%", "%", 37, 49, 1, ("kidney", -0.6)),
        _A("787-2^MCV [Entitic volume] by Automated count", "MCV^Mean cell volume",
           "fL", "fl", 80, 98, 1),
        _A("777-3^Platelets [#/volume] in Blood by Automated count", "PLT^Platelets",
           "10*3/uL", "K/uL", 150, 400, 0),
    ),
    35, specimen="BLD^Whole blood^HL70487",
)  # fmt: skip
_METABOLIC: Final = Panel(
    "24321-2^Basic metabolic 2000 panel - Serum or Plasma", "BMP^Basic chemistry",
    (
        _A("2345-7^Glucose [Mass/volume] in Serum or Plasma", "GLU^Glucose", "mg/dL", "mg/dl",
           70, 99, 0, ("diabetes", 2.2), rises=0.8),
        _A("2951-2^Sodium [Moles/volume] in Serum or Plasma", "NA^Sodium", "mmol/L", "mEq/L",
           135, 145, 0),
        _A("2823-3^Potassium [Moles/volume] in Serum or Plasma", "K^Potassium", "mmol/L", "mEq/L",
           3.5, 5.1, 1, ("kidney", 0.4)),
        _A("2075-0^Chloride [Moles/volume] in Serum or Plasma", "CL^Chloride", "mmol/L", "mEq/L",
           98, 107, 0),
        _A("2028-9^Carbon dioxide, total [Moles/volume] in Serum or Plasma", "CO2^Total CO2",
           "mmol/L", "mEq/L", 22, 29, 0),
        _A("3094-0^Urea nitrogen [Mass/volume] in Serum or Plasma", "BUN^Urea nitrogen",
           "mg/dL", "mg/dl", 6, 20, 0, ("kidney", 1.6)),
        _A("2160-0^Creatinine [Mass/volume] in Serum or Plasma", "CREA^Creatinine",
           "mg/dL", "mg/dl", 0.5, 1.1, 2, ("kidney", 1.4)),
        _A("17861-6^Calcium [Mass/volume] in Serum or Plasma", "CA^Calcium", "mg/dL", "mg/dl",
           8.6, 10.2, 1),
    ),
    50,
)  # fmt: skip
_LIVER: Final = Panel(
    "24325-3^Hepatic function 2000 panel - Serum or Plasma", "LFT^Liver profile",
    (
        _A("1742-6^Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma",
           "ALT^ALT", "U/L", "IU/L", 7, 45, 0, rises=1.5),
        _A("1920-8^Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma",
           "AST^AST", "U/L", "IU/L", 8, 40, 0, rises=1.5),
        _A("1975-2^Bilirubin.total [Mass/volume] in Serum or Plasma", "TBIL^Bilirubin",
           "mg/dL", "mg/dl", 0.2, 1.2, 1, rises=1.0),
    ),
    70,
)  # fmt: skip
_INFLAMMATION: Final = Panel(
    "1988-5^C reactive protein [Mass/volume] in Serum or Plasma", "CRP^C-reactive protein",
    (
        _A("1988-5^C reactive protein [Mass/volume] in Serum or Plasma", "CRP^C-reactive protein",
           "mg/L", "mg/L", 0, 5, 1, rises=24.0, floor=0.6),
    ),
    45,
)  # fmt: skip
_TROPONIN: Final = Panel(
    "10839-9^Troponin I.cardiac [Mass/volume] in Serum or Plasma", "TROP^Troponin I",
    (
        _A("10839-9^Troponin I.cardiac [Mass/volume] in Serum or Plasma", "TROP^Troponin I",
           "ng/mL", "ng/ml", 0, 0.04, 2, rises=6.0, floor=0.01),
    ),
    40, preliminary=True,
)  # fmt: skip
_SUGAR: Final = Panel(
    "4548-4^Hemoglobin A1c/Hemoglobin.total in Blood", "A1C^Glycated haemoglobin",
    (
        _A("4548-4^Hemoglobin A1c/Hemoglobin.total in Blood", "A1C^Glycated haemoglobin",
           "%", "%", 4.0, 5.6, 1, ("diabetes", 1.5)),
    ),
    180, specimen="BLD^Whole blood^HL70487",
)  # fmt: skip
_LIPIDS: Final = Panel(
    "57698-3^Lipid panel with direct LDL - Serum or Plasma", "LIP^Lipids",
    (
        _A("2093-3^Cholesterol [Mass/volume] in Serum or Plasma", "CHOL^Cholesterol",
           "mg/dL", "mg/dl", 120, 200, 0, rises=0.2),
        _A("2085-9^Cholesterol in HDL [Mass/volume] in Serum or Plasma", "HDL^HDL",
           "mg/dL", "mg/dl", 40, 80, 0),
        _A("2571-8^Triglyceride [Mass/volume] in Serum or Plasma", "TRIG^Triglycerides",
           "mg/dL", "mg/dl", 50, 150, 0, ("diabetes", 0.6)),
    ),
    120,
)  # fmt: skip
_THYROID: Final = Panel(
    "3016-3^Thyrotropin [Units/volume] in Serum or Plasma", "TSH^Thyrotropin",
    (
        _A("3016-3^Thyrotropin [Units/volume] in Serum or Plasma", "TSH^Thyrotropin",
           "m[IU]/L", "uIU/mL", 0.4, 4.0, 2, ("thyroid", 0.9)),
    ),
    150,
)  # fmt: skip
_URINE: Final = Panel(
    "24356-8^Urinalysis complete panel - Urine", "UA^Urine strip",
    (
        _A("5804-0^Protein [Mass/volume] in Urine by Test strip", "UPRO^Protein",
           words=("Negative", "Trace", "1+")),
        _A("5792-7^Glucose [Mass/volume] in Urine by Test strip", "UGLU^Glucose",
           words=("Negative", "1+", "3+")),
        _A("5799-2^Leukocyte esterase [Presence] in Urine by Test strip", "ULEU^Leucocytes",
           words=("Negative", "Positive")),
    ),
    25, specimen="UR^Urine^HL70487",
)  # fmt: skip
_BLOOD_GROUP: Final = Panel(
    "34532-2^Blood type and Indirect antibody screen panel - Blood", "GROUP^Blood group",
    (
        _A("883-9^ABO group [Type] in Blood", "ABO^Blood group",
           words=("O", "A", "B", "AB")),
        _A("10331-7^Rh [Type] in Blood", "RH^Rhesus factor", words=("Positive", "Negative")),
    ),
    60, specimen="BLD^Whole blood^HL70487",
)  # fmt: skip
CULTURE: Final = Panel(
    "600-7^Bacteria identified in Blood by Culture", "BCUL^Blood culture", (),
    24 * 60, preliminary=True, specimen="BLD^Whole blood^HL70487",
)  # fmt: skip

PANELS: Final = {
    "count": _COUNT,
    "metabolic": _METABOLIC,
    "liver": _LIVER,
    "inflammation": _INFLAMMATION,
    "troponin": _TROPONIN,
    "sugar": _SUGAR,
    "lipids": _LIPIDS,
    "thyroid": _THYROID,
    "urine": _URINE,
    "group": _BLOOD_GROUP,
    "culture": CULTURE,
}

GERMS: Final = (
    "112283007^Escherichia coli^SCT",
    "3092008^Staphylococcus aureus^SCT",
    "9861002^Streptococcus pneumoniae^SCT",
)
DRUGS_TESTED: Final = (
    "18864-9^Ampicillin [Susceptibility]^LN",
    "18895-3^Ceftriaxone [Susceptibility]^LN",
    "18906-8^Ciprofloxacin [Susceptibility]^LN",
    "18928-2^Gentamicin [Susceptibility]^LN",
)
