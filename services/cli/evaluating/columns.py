"""Columns of a file of records: which is which, by the names that people use for them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from plexus.errors import InvalidRequest

__all__ = ["FIELDS", "column_named", "columns_of", "read_mapping"]

_NAMES: Final[dict[str, str]] = {
    "given": "givenname given firstname first fname forename forenames firstnames",
    "middle": "middlename middle middleinitial middlenames mname secondname mi",
    "surname": "surname lastname last familyname family lname",
    "maiden": "maidenname maiden birthname alias previoussurname formersurname othersurname",
    "suffix": "suffix namesuffix generation",
    "sex": "sex gender administrativesex",
    "dob": "dateofbirth dob birthdate birthday birthdt born",
    "street_no": "streetnumber streetno housenumber houseno housenr number no",
    "street": "street streetname address1 address addressline1 addr1 addr line1 streetaddress",
    "street2": "address2 addressline2 addr2 line2",
    "unit": "unit unitnumber apartment apt flat unitno",
    "city": "city suburb town locality municipality placeofresidence",
    "state": "state region province county",
    "zip": "zip zipcode postcode postalcode plz",
    "phone": "phone telephone phonenumber tel mobile homephone phone1 cell",
    "phone2": "phone2 workphone otherphone secondphone",
    "email": "email emailaddress mail",
    "ssn": "ssn socsecid socialsecuritynumber nationalid nhsnumber nhs nationalnumber insurancenumber",
    "mother": "mother motherid motheridentifier mothersid",
    "birth_order": "birthorder",
    "src": "src source system dataset",
}  # fmt: skip
FIELDS: Final = tuple(_NAMES)
"""What a record may say."""

_FIELD_BY_NAME: Final = {name: field for field, names in _NAMES.items() for name in names.split()}
_PLAIN: Final = re.compile(r"[^a-z0-9]")


def columns_of(
    header: Iterable[str], mapping: Mapping[str, str], besides: Iterable[str] = ()
) -> dict[str, str]:
    """The column of each field that the file has.

    `mapping` says it outright, field by field; the others go by their usual names, the first column
    that has one. Columns of `besides`, such as that of the truth, are nobody's field.

    Raises:
        InvalidRequest: the mapping names a field or a column that there is not.
    """
    names = list(header)
    found: dict[str, str] = {}
    for said, column in mapping.items():
        field = said if said in _NAMES else _FIELD_BY_NAME.get(_plain(said), "")
        if not field:
            raise InvalidRequest(f"no field is called {said}; there are: {', '.join(FIELDS)}")
        found[field] = column_named(names, column)
    taken = {*found.values(), *besides}
    for name in names:
        usual = _FIELD_BY_NAME.get(_plain(name))
        if usual is not None and usual not in found and name not in taken:
            found[usual] = name
    return found


def column_named(header: Sequence[str], name: str) -> str:
    """The column of that name; capital or small letters are no matter where only one fits.

    Raises:
        InvalidRequest: there is none.
    """
    if name in header:
        return name
    alike = [each for each in header if each.casefold() == name.strip().casefold()]
    if len(alike) != 1:
        raise InvalidRequest(f"the file has no column {name}; it has: {', '.join(header)}")
    return alike[0]


def _plain(name: str) -> str:
    return _PLAIN.sub("", name.casefold())


def read_mapping(text: str) -> dict[str, str]:
    """`given=FNAME,surname=LNAME` as pairs of field and column.

    Raises:
        InvalidRequest: a part is no such pair.
    """
    found: dict[str, str] = {}
    for part in text.split(",") if text else ():
        field, is_pair, column = (word.strip() for word in part.partition("="))
        if not (field and is_pair and column):
            raise InvalidRequest(f"{part!r} is not of the form field=column")
        found[field] = column
    return found
