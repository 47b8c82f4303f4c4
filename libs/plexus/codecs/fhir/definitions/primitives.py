r"""FHIR's primitive types in JSON (R4 2.24.0.1).

The patterns are those of the specification, with its `\s` and `\S` written out: regex engines
disagree on what else than ASCII is white space, and FHIR means ASCII. Strings may hold no control
characters but tab, line feed and carriage return. base64 is held to its alphabet only: the pattern
of the specification takes quadratic time.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

__all__ = ["PRIMITIVES", "Primitive"]

_INTEGER: Final = 2**31 - 1


class Primitive(NamedTuple):
    """How a primitive type is written.

    Attributes:
        json: the JSON type.
        pattern: that the whole text must match.
        least: the smallest number.
    """

    json: Literal["string", "boolean", "number", "integer"]
    pattern: str = ""
    least: int = -_INTEGER - 1
    most: int = _INTEGER


_TEXT: Final = Primitive("string", r"[^\x00-\x08\x0b\x0c\x0e-\x1f]+")
_URI: Final = Primitive("string", r"[^\x00-\x20]+")
_DAY: Final = r"-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01])"
_YEAR: Final = r"([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
_CLOCK: Final = r"([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
_ZONE: Final = r"(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

PRIMITIVES: Final[Mapping[str, Primitive]] = MappingProxyType(
    {
        "base64Binary": Primitive("string", r"[0-9A-Za-z+/=\x09\x0a\x0d\x20]+"),
        "boolean": Primitive("boolean"),
        "canonical": _URI,
        "code": Primitive("string", r"[^\x00-\x20]+([\x09\x0a\x0d\x20][^\x00-\x20]+)*"),
        "date": Primitive("string", rf"{_YEAR}({_DAY})?)?"),
        "dateTime": Primitive("string", rf"{_YEAR}({_DAY}(T{_CLOCK}{_ZONE})?)?)?"),
        "decimal": Primitive("number"),
        "id": Primitive("string", r"[A-Za-z0-9.-]{1,64}"),
        "instant": Primitive("string", rf"{_YEAR}{_DAY})T{_CLOCK}{_ZONE}"),
        "integer": Primitive("integer"),
        "markdown": _TEXT,
        "oid": Primitive("string", r"urn:oid:[0-2](\.(0|[1-9][0-9]*))+"),
        "positiveInt": Primitive("integer", least=1),
        "string": _TEXT,
        "time": Primitive("string", _CLOCK),
        "unsignedInt": Primitive("integer", least=0),
        "uri": _URI,
        "url": _URI,
        "uuid": Primitive(
            "string", r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
        ),
        "xhtml": Primitive("string", r"[\x09\x0a\x0d\x20]*<div[^\x00]*</div>[\x09\x0a\x0d\x20]*"),
    }
)
"""By the name of the type."""
