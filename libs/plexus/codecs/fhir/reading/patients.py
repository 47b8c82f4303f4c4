"""What a plain table cannot say of Patient: the inverse of `plexus.codecs.fhir.people.patient`."""

from typing import Any

from plexus.api.canonical.v1.datatypes_pb2 import Concept
from plexus.codecs.fhir.datatypes import concept_label
from plexus.codecs.fhir.elements import text, token
from plexus.codecs.fhir.people import BIRTH_TIME_URL, MOTHER, omb_ethnicity
from plexus.codecs.fhir.reading.datatypes import DATATYPES
from plexus.codecs.fhir.reading.filling import Reading, fill
from plexus.codecs.fhir.reading.scalars import fits
from plexus.codecs.fhir.reading.tree import Tree, is_read

__all__ = ["birth", "communication", "contacts", "maiden_name", "race"]


def birth(source: Tree, name: str, target: Any, _reading: Reading) -> None:
    """The time of birth stands in an extension of the day; it must be of that day."""
    day = source[name]
    if not fits("date", day):
        return
    del source[name]
    target.birth_date = day
    beside = source.get(f"_{name}")
    extensions = beside.get("extension") if isinstance(beside, dict) else None
    for each in extensions if isinstance(extensions, list) else ():
        if not isinstance(each, dict) or each.get("url") != BIRTH_TIME_URL:
            continue
        moment: Any = each.get("valueDateTime")
        if fits("dateTime", moment) and moment.startswith(f"{day}T") and target.birth_date == day:
            target.birth_date = moment
            del each["valueDateTime"], each["url"]


def communication(source: Tree, name: str, target: Any, reading: Reading) -> None:
    """The preferred language, or the only one."""
    values = source[name]
    known = [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []
    chosen = [each for each in known if each.get("preferred") is True] or known
    if len(chosen) != 1 or not isinstance(chosen[0].get("language"), dict):
        return
    (one,) = chosen
    fill(DATATYPES["CodeableConcept"], "CodeableConcept", one["language"], target.language, reading)
    if target.HasField("language") and one.get("preferred") is True:
        del one["preferred"]


def contacts(source: Tree, name: str, target: Any, reading: Reading) -> None:
    """The mother's name, and bodies; everybody else is a related person of their own."""
    values = source[name]
    for at, each in enumerate(values if isinstance(values, list) else ()):
        if not isinstance(each, dict):
            continue
        if _is_mother(each) and isinstance(each.get("name"), dict):
            made = target.mother_names.add()
            fill(DATATYPES["HumanName"], "HumanName", each["name"], made, reading)
            if made.ListFields():
                del each["relationship"]
            else:
                del target.mother_names[-1]
        elif set(each) == {"organization"}:
            fill({"organization": "contact_bodies"}, "Patient.contact", each, target, reading)
        elif not is_read(each):
            reading.lifted.append(("Patient.contact", f"{name}[{at}]", each))
            values[at] = None


def _is_mother(contact: Tree) -> bool:
    return contact.get("relationship") == [MOTHER] and set(contact) == {"relationship", "name"}


def maiden_name(source: Tree, _name: str, target: Any, _reading: Reading) -> None:
    """Comes after `contacts`, which may have told it already."""
    family = source.get("valueString")
    if type(family) is not str or not family:
        return
    known = [each.family for each in target.mother_names if each.family]
    if not known:
        target.mother_names.add(family=family)
    elif known[0] != family:
        return
    del source["valueString"]


def _parts(source: Tree) -> list[Tree]:
    values = source.get("extension")
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []


def _is_of(sent: list[Concept], coding: Tree) -> bool:
    """Whether a code of US Core is what one of those that were sent says."""
    code, shown = coding.get("code"), coding.get("display")
    return set(coding) <= {"system", "code", "display"} and any(
        (omb_ethnicity(each.code) or token(each.code)) == code
        and text(each.display) == (shown or "")
        for concept in sent
        for each in concept.codings
    )


def _without(words: str, labels: list[str]) -> str:
    """A list of words without those labels."""
    listed = f", {words}, "
    for label in labels:
        listed = listed.replace(f", {label}, ", ", ", 1)
    return listed.removeprefix(", ").removesuffix(", ")


class race:  # noqa: N801 - stands in tables like the functions beside it
    """US Core race or ethnicity: codes by category, and one text for all of them.

    Each code becomes one concept. Which part of the text belongs to which code is told by the
    displays, else by the order.
    """

    def __init__(self, field: str) -> None:
        """Take it into this field of Person."""
        self._field = field

    def __call__(self, source: Tree, _name: str, target: Any, reading: Reading) -> None:
        """Take the parts of the extension."""
        made = getattr(target, self._field)
        # What was read as it was sent is not made again of what says less of it.
        sent = list(made)
        labels: list[str] = []
        uncoded: list[str] = []
        for part in _parts(source):
            coding, words = part.get("valueCoding"), part.get("valueString")
            if part.get("url") in {"ombCategory", "detailed"} and isinstance(coding, dict):
                if _is_of(sent, coding):
                    part.clear()
                    continue
                one = made.add().codings.add()
                fill(DATATYPES["Coding"], "Coding", coding, one, reading)
                if one.code or one.display:
                    del part["url"]
                else:
                    del made[-1]
            elif part.get("url") == "text" and type(words) is str and words and not labels:
                labels = _without(words, [concept_label(each) for each in sent]).split(", ")
                labels = [each for each in labels if each]
                del part["url"], part["valueString"]
        waiting = list(made)[len(sent) :]
        for label in labels:
            known = [each for each in waiting if label == each.codings[0].display]
            if known:
                known[0].text = label
                waiting.remove(known[0])
            else:
                uncoded.append(label)
        for label in uncoded:
            (waiting.pop(0) if waiting else made.add()).text = label
