"""Builders of features for tests of matching. Synthetic people only."""

from typing import Any

from hypothesis import strategies as st

from plexus.api.canonical.v1.datatypes_pb2 import (
    Address,
    Authority,
    HumanName,
    Identifier,
    Telecom,
)
from plexus.api.canonical.v1.resources_pb2 import Person
from services.identity.domain.normalisation import Features, features_of


def person(
    family: str = "Whitfield",
    given: str = "Harriet",
    *,
    middle: str = "",
    suffix: str = "",
    born: str = "1980-02-13",
    sex: str = "female",
    ssn: str = "",
    street: str = "12 Mill Lane",
    city: str = "Ashford",
    code: str = "50312",
    phone: str = "2127365000",
    **others: Any,
) -> Person:
    """Somebody whom everything is known of but a national number."""
    return Person(
        names=[
            HumanName(
                family=family,
                given=[each for each in (given, middle) if each],
                suffix=[suffix] if suffix else [],
            )
        ],
        birth_date=born,
        gender=sex,
        identifiers=[Identifier(value=ssn, type_code="SS", authority=Authority(namespace="SSA"))]
        if ssn
        else [],
        addresses=[Address(line=[street], city=city, postal_code=code)] if city or street else [],
        telecoms=[Telecom(system="phone", value=phone)] if phone else [],
        **others,
    )


def features(*args: Any, **named: Any) -> Features:
    """Features of such a person."""
    return features_of(person(*args, **named))


PEOPLE = st.builds(
    features,
    st.sampled_from(["Whitfield", "Smith", "Smyth", "García López", "UNKNOWN", ""]),
    st.sampled_from(["Harriet", "Hattie", "H", "John", "BABY GIRL", ""]),
    middle=st.sampled_from(["", "Ann", "A"]),
    suffix=st.sampled_from(["", "Jr", "Sr", "III"]),
    born=st.sampled_from(["", "1980-02-13", "1980-02-31", "1980-01-01", "1955-07-30", "1980"]),
    sex=st.sampled_from(["male", "female", ""]),
    ssn=st.sampled_from(["", "536221234", "536221235", "999999999"]),
    street=st.sampled_from(["", "12 Mill Lane", "7 High Street"]),
    city=st.sampled_from(["", "Ashford"]),
    phone=st.sampled_from(["", "2127365000", "5555555"]),
    multiple_birth=st.booleans(),
    birth_order=st.sampled_from([0, 1, 2]),
)
"""Few values, so that two people agree in some of them."""
