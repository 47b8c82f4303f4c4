"""Who it is about and their stay: PID, PD1, NK1, PV1, PV2 and IN1 (HL7 v2.5.1 chapters 3 and 6)."""

from typing import Final

from plexus.api.canonical.v1 import resources_pb2 as canonical
from plexus.codecs.hl7v2.rendering.cited import Cited
from plexus.codecs.hl7v2.rendering.fields import spelled

__all__ = ["PersonSegments"]

_SEX: Final = {"male": "M", "female": "F", "other": "O", "unknown": "U"}
_YES_NO: Final = {True: "Y", False: "N"}
_ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_V2_CLASS: Final = "http://terminology.hl7.org/CodeSystem/v2-0004"
_CLASSES: Final = {"EMER": "E", "IMP": "I", "AMB": "O", "PRENC": "P"}
_PARTS: Final = {"ATND": 7, "REF": 8, "CON": 9, "ADM": 17, "PART": 52}


class PersonSegments(Cited):
    """Writes them field by field, as the maps read them."""

    def pid(self, person: canonical.Person) -> str:
        """PID (3.4.2)."""
        home = [each for each in person.telecoms if each.use != "work"]
        work = [each for each in person.telecoms if each.use == "work"]
        return self.row(
            "PID",
            {
                1: "1",
                3: self.each(map(self.cx, person.identifiers)),
                5: self.each(map(self.xpn, person.names)),
                6: self.each(map(self.xpn, person.mother_names)),
                7: self.time(person.birth_date),
                8: spelled(_SEX, person.gender),
                10: self.each(map(self.cwe, person.races)),
                11: self.each(map(self.xad, person.addresses)),
                13: self.each(map(self.xtn, home)),
                14: self.each(map(self.xtn, work)),
                15: self.cwe(person.language),
                16: self.cwe(person.marital_status, alone=True),
                17: self.cwe(person.religion, alone=True),
                21: self.each(map(self.cx, person.mother_identifiers)),
                22: self.each(map(self.cwe, person.ethnicities)),
                23: self.text(person.birth_place),
                24: _YES_NO[person.multiple_birth] if person.HasField("multiple_birth") else "",
                25: str(person.birth_order or ""),
                26: self.each(map(self.cwe, person.citizenships)),
                28: self.cwe(person.nationalities[0]) if person.nationalities else "",
                29: self.time(person.deceased_time),
                30: _YES_NO[person.deceased] if person.HasField("deceased") else "",
            },
        )

    def pd1(self, person: canonical.Person) -> str:
        """PD1 (3.4.10)."""
        doctors = person.general_practitioners
        return self.row(
            "PD1",
            {
                3: self.each(map(self.cited_body, doctors)),
                4: self.each(map(self.cited_person, doctors)),
                6: self.cwe(person.disabilities[0]) if person.disabilities else "",
                14: self.text(person.congregation),
            },
        )

    def nk1(self, number: int, one: canonical.RelatedPerson) -> str:
        """NK1 (3.4.5)."""
        roles = list(one.relationships)
        return self.row(
            "NK1",
            {
                1: str(number),
                2: self.each(map(self.xpn, one.names)),
                3: self.cwe(roles[0], alone=True) if roles else "",
                4: self.each(map(self.xad, one.addresses)),
                5: self.each(map(self.xtn, one.telecoms)),
                7: self.cwe(roles[1], alone=True) if len(roles) > 1 else "",
                8: self.time(one.period.start),
                9: self.time(one.period.end),
                15: spelled(_SEX, one.gender),
                16: self.time(one.birth_date),
                20: self.cwe(one.language),
                33: self.each(map(self.cx, one.identifiers)),
            },
        )

    def pv1(self, stay: canonical.Encounter) -> str:
        """PV1 (3.4.3)."""
        kind = self.code(stay.encounter_class, _V2_CLASS) or spelled(
            _CLASSES, self.code(stay.encounter_class, _ACT_CODE)
        )
        fields = {1: "1", 2: kind or "U"}
        places = {"active": 3, "planned": 3, "completed": 6, "reserved": 42}
        for each in stay.locations:
            number = places.get(each.status, 3)
            fields.setdefault(number, self.cited_place(each.location))
        for part in stay.participants:
            role = self.code(part.role)
            number = _PARTS.get(role, 0)
            if number and (who := self.cited_person(part.actor)):
                known = fields.get(number)
                fields[number] = self.repeated(known, who) if known else who
        visits = [each for each in stay.identifiers if each.use != "old"]
        first = next((each for each in visits if each.type_code == "VN"), None)
        return self.row(
            "PV1",
            fields
            | {
                4: self.cwe(stay.types[0], alone=True) if stay.types else "",
                5: self.cx(stay.pre_admission_identifier),
                10: self.cwe(stay.service_type, alone=True),
                13: self.cwe(stay.re_admission, alone=True),
                14: self.cwe(stay.admit_source, alone=True),
                15: self.each(self.cwe(one, alone=True) for one in stay.special_arrangements),
                16: self.cwe(stay.special_courtesies[0]) if stay.special_courtesies else "",
                19: self.cx(first) if first else "",
                36: self.cwe(stay.discharge_disposition, alone=True),
                38: self.cwe(stay.diets[0]) if stay.diets else "",
                44: self.time(stay.period.start),
                45: self.time(stay.period.end),
                50: self.each(self.cx(one) for one in visits if one is not first),
            },
        )

    def pv2(self, stay: canonical.Encounter) -> str:
        """PV2 (3.4.4)."""
        reason = self.cwe(stay.reasons[0]) if stay.reasons else ""
        return self.row("PV2", {3: reason, 25: self.cwe(stay.priority, alone=True)})

    def in1(self, number: int, one: canonical.Coverage) -> str:
        """IN1 (6.5.6)."""
        kind = self.cwe(one.type)
        return self.row(
            "IN1",
            {
                1: str(number),
                2: self.text(one.plan) if one.plan else kind,
                4: self.each(map(self.cited_body, one.payors)),
                8: self.text(one.group),
                11: self.cited_body(one.policy_holder),
                12: self.time(one.period.start),
                13: self.time(one.period.end),
                15: kind if one.plan else "",
                16: self.xpn(one.subscriber_name),
                17: self.cwe(one.relationship, alone=True),
                22: str(one.rank or ""),
                36: self.text(one.subscriber_id),
            },
        )
