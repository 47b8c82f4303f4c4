"""FHIR primitives as scalars of canonical messages; what is not of its type is none."""

import base64
import binascii
import functools
import re
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from google.protobuf.descriptor import FieldDescriptor

from plexus.codecs.fhir.definitions import PRIMITIVES
from plexus.codecs.fhir.reading.tree import Digits

__all__ = ["fits", "scalar"]

_LONGEST_NUMBER: Final = 48
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")
_INTEGERS: Final[Mapping[int, tuple[int, int]]] = {
    FieldDescriptor.TYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: (-(2**63), 2**63 - 1),
}


def scalar(field: FieldDescriptor, fhir_type: str, value: Any) -> Any:
    """What the field holds of a value of that primitive type; None where it cannot."""
    kind = field.type
    if isinstance(value, bool):
        return value if kind == FieldDescriptor.TYPE_BOOL and fhir_type == "boolean" else None
    if isinstance(value, Digits):
        if kind == FieldDescriptor.TYPE_STRING:
            return str(value) if fhir_type == "decimal" and len(value) <= _LONGEST_NUMBER else None
        low, high = _INTEGERS.get(kind, (1, 0))
        return int(value) if _WHOLE.fullmatch(value) and low <= int(value) <= high else None
    if not isinstance(value, str) or fhir_type not in PRIMITIVES:
        return None
    if kind == FieldDescriptor.TYPE_BYTES:
        return _bytes(value) if fhir_type == "base64Binary" else None
    primitive = PRIMITIVES[fhir_type]
    if kind != FieldDescriptor.TYPE_STRING or primitive.json != "string":
        return None
    return value if fits(fhir_type, value) else None


def fits(fhir_type: str, value: Any) -> TypeGuard[str]:
    """Whether a value is a text that a primitive type allows."""
    return type(value) is str and bool(_pattern(fhir_type).fullmatch(value))


@functools.cache
def _pattern(fhir_type: str) -> re.Pattern[str]:
    return re.compile(PRIMITIVES[fhir_type].pattern)


def _bytes(value: str) -> bytes | None:
    """The bytes of base64 text that would be written in the same way."""
    try:
        made = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    return made if base64.b64encode(made) == value.encode() else None
