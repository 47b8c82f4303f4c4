"""Observation.value[x] and reference ranges: what HL7 OBX-5 and OBX-7 can hold.

A value that its own choice cannot say, for example a quantity that is no number or a range that
stands on its head, is sent as the text that the sender wrote.
Neighbours: `quantities` for numbers, `results` for the observation around them.
"""

from collections.abc import Callable, Mapping

from plexus.api.canonical.v1 import datatypes_pb2, resources_pb2
from plexus.codecs.fhir import times
from plexus.codecs.fhir.datatypes import attachment, concept, concepts, period
from plexus.codecs.fhir.elements import Json, extension, filled, remembered, text
from plexus.codecs.fhir.quantities import (
    is_expressible,
    is_upside_down,
    number,
    quantity,
    range_words,
    words,
)
from plexus.codecs.fhir.shapes import sealed

__all__ = ["VALUE_URL", "observation_value", "reference_range"]

# R4 has no choice for an attachment; R5 has, and HL7 gives it this URL for use in R4.
VALUE_URL = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.value"


def observation_value(source: resources_pb2.ObservationValue) -> tuple[Json, list[Json]]:
    """Observation.value[x], and extensions for what R4 has no choice for.

    What does not fit its own choice, for example a quantity that is no number, is sent as text.
    """
    kind = source.WhichOneof("kind")
    if kind is None:
        return {}, []
    if kind == "attachment":
        held = extension(VALUE_URL, valueAttachment=attachment(source.attachment))
        return {}, [held] if held else []
    return filled(_VALUES[kind](source)), []


def _quantity_value(source: resources_pb2.ObservationValue) -> Json:
    if is_expressible(source.quantity):
        return {"valueQuantity": quantity(source.quantity, simple=False)}
    return {"valueString": words(source.quantity)}


def _integer_value(source: resources_pb2.ObservationValue) -> Json:
    value = source.integer
    if -(2**31) <= value < 2**31:
        return {"valueInteger": value}
    return {"valueQuantity": {"value": number(str(value))}}


def _range_value(source: resources_pb2.ObservationValue) -> Json:
    low, high = source.range.low, source.range.high
    if _is_plain_range(low, high):
        return {"valueRange": filled({"low": quantity(low), "high": quantity(high)})}
    return {"valueString": range_words(low, high)}


def _ratio_value(source: resources_pb2.ObservationValue) -> Json:
    numerator, denominator = source.ratio.numerator, source.ratio.denominator
    if (
        numerator.value
        and denominator.value
        and is_expressible(numerator)
        and is_expressible(denominator)
    ):
        made = {
            "numerator": quantity(numerator, simple=False),
            "denominator": quantity(denominator, simple=False),
        }
        return {"valueRatio": made}
    return {
        "valueString": ":".join(each for each in (words(numerator), words(denominator)) if each)
    }


def _time_value(source: resources_pb2.ObservationValue) -> Json:
    if made := times.clock_time(source.time):
        return {"valueTime": made}
    return {"valueString": text(source.time)}


def _date_time_value(source: resources_pb2.ObservationValue) -> Json:
    if made := times.date_time(source.date_time):
        return {"valueDateTime": made}
    return {"valueString": text(source.date_time)}


def _period_value(source: resources_pb2.ObservationValue) -> Json:
    if made := period(source.period):
        return {"valuePeriod": made}
    both = (source.period.start, source.period.end)
    return {"valueString": text(" - ".join(each for each in both if each))}


_VALUES: Mapping[str, Callable[[resources_pb2.ObservationValue], Json]] = {
    "quantity": _quantity_value,
    "concept": lambda source: {"valueCodeableConcept": concept(source.concept)},
    "text": lambda source: {"valueString": text(source.text)},
    "boolean": lambda source: {"valueBoolean": source.boolean},
    "integer": _integer_value,
    "range": _range_value,
    "ratio": _ratio_value,
    "time": _time_value,
    "date_time": _date_time_value,
    "period": _period_value,
}


def _is_plain_range(low: datatypes_pb2.Quantity, high: datatypes_pb2.Quantity) -> bool:
    return (
        is_expressible(low, simple=True)
        and is_expressible(high, simple=True)
        and not is_upside_down(low, high)
    )


def _reference_range(source: resources_pb2.ReferenceRange) -> Json:
    """One range; what two plain amounts cannot say stands as text (obs-3: some of them must)."""
    said = text(source.text)
    if _is_plain_range(source.low, source.high):
        low, high = quantity(source.low), quantity(source.high)
    else:
        low, high = {}, {}
        said = said or range_words(source.low, source.high)
    if not (low or high or said):
        return {}
    return sealed(
        "Observation.referenceRange",
        filled({"low": low, "high": high, "appliesTo": concepts(source.applies_to), "text": said}),
    )


reference_range = remembered(resources_pb2.ReferenceRange, _reference_range)
"""An element of Observation.referenceRange."""
