"""Telephone numbers and mail addresses as they are compared."""

import re
from typing import Final

from services.identity.domain.normalisation.letters import digits

__all__ = ["read_email", "read_phone"]

_EXTENSION: Final = re.compile(r"(?:ext\.?|x|;ext=|#)\s*\d*\s*\Z", re.IGNORECASE)
_MOST_DIGITS: Final = 10
_LEAST_DIGITS: Final = 6
_COUNTING: Final = ("0123456789", "1234567890", "9876543210")
_NO_LOCAL: Final = frozenset({
    "a", "declined", "donotreply", "email", "fake", "na", "nil", "no", "noemail", "noemailaddress",
    "nomail", "none", "noone", "noreply", "null", "patient", "refused", "someone", "test", "unknown", "x",
    "xx", "xxx",
})  # fmt: skip
_NO_DOMAIN: Final = frozenset(
    {"none.com", "noemail.com", "na.com", "no.com", "unknown.com", "none", "test.com"}
)
_UNDOTTED: Final = frozenset({"gmail.com", "googlemail.com"})


def read_phone(text: str) -> str:
    """The last ten digits, without country code, trunk zero and extension; empty for none.

    555-5555, 1234567890 and numbers of one digit are what desks type where there is none.
    """
    number = digits(_EXTENSION.sub("", text.strip()))
    number = number.removeprefix("00").lstrip("0")
    if len(number) == _MOST_DIGITS + 1:
        number = number.removeprefix("1")
    number = number[-_MOST_DIGITS:].lstrip("0")
    if len(number) < _LEAST_DIGITS or len(set(number)) == 1 or len(set(number[-7:])) == 1:
        return ""
    if any(number in row or row in number for row in _COUNTING):
        return ""
    return number


def read_email(text: str) -> str:
    """The address in small letters, without a tag behind `+`; empty for none."""
    address = text.strip().casefold().removeprefix("mailto:")
    local, at, domain = address.rpartition("@")
    local = local.split("+", 1)[0]
    if domain in _UNDOTTED:
        local, domain = local.replace(".", ""), "gmail.com"
    if not at or not local or "." not in domain or local in _NO_LOCAL or domain in _NO_DOMAIN:
        return ""
    if any(character.isspace() for character in address):
        return ""
    return f"{local}@{domain}"[:120]
