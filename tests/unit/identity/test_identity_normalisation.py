"""Normalisation of what a message says of a person: single facts, and the laws over all of them.

How normalised facts compare: test_identity_comparison.
"""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.api.canonical.v1.datatypes_pb2 import Address, Authority, HumanName, Identifier, Telecom
from plexus.api.canonical.v1.resources_pb2 import Person
from services.identity.domain.normalisation import (
    BirthDate,
    Features,
    PersonName,
    features_of,
    fold,
    normalisation_version,
    read_address,
    read_birth_date,
    read_email,
    read_name,
    read_phone,
    read_postal_code,
    roots,
    sound,
)
from services.identity.domain.normalisation.national import is_sound_number, read_national_ids

WORDS = st.text(max_size=12)
_NAMES = st.sampled_from(
    [
        "Anna",
        "BABY BOY",
        "O'Brien",
        "von der Heide",
        "José María",
        "Jr",
        "UNKNOWN",
        "Müller-Groß",
        "王",
    ]
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Müller-Groß", "muller gross"),
        ("O'Brien", "obrien"),
        ("JOSÉ  MARÍA", "jose maria"),
        ("Łukasz Ørsted", "lukasz orsted"),
        ("Ковальчук", "kovalchuk"),
        ("Παπαδόπουλος", "papadopoulos"),
        ("王", "王"),
        ("  ", ""),
    ],
)
def test_text_folds_to_small_letters_without_marks(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text(max_size=40))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("smith", "smyth"), ("schmidt", "schmitt"), ("katherine", "catherine"), ("muller", "mueller")],
)
def test_what_sounds_alike_has_one_sound(one: str, other: str) -> None:
    assert sound(one) == sound(other)


def test_particles_and_accents_do_not_tell_family_names_apart() -> None:
    assert read_name("von der Heide", ["Jörg"]) == read_name("Heide", ["JORG"])
    assert read_name("Mc Carthy", ["Nora"]) == read_name("McCarthy", ["Nora"])


@pytest.mark.parametrize(
    ("family", "suffix", "generation"),
    [("Smith", ["Jr"], 2), ("Smith Jr.", [], 2), ("Smith", ["III"], 3), ("Smith", ["MD"], 0)],
)
def test_a_suffix_is_no_part_of_the_family_name(
    family: str, suffix: list[str], generation: int
) -> None:
    assert read_name(family, ["John"], suffix) == PersonName(("smith",), ("john",), generation)


@pytest.mark.parametrize(
    "given_name", ["BABY BOY", "Baby Girl A", "BB", "Twin B", "NEWBORN", "B/O MARY", "baby of Mary"]
)
def test_a_newborn_has_no_given_name_yet(given_name: str) -> None:
    assert read_name("Smith", [given_name]) == PersonName(("smith",), (), 0, is_newborn=True)


@pytest.mark.parametrize("given_name", ["Bob", "Grace", "Babette", "Boyd", "Violet"])
def test_a_name_that_only_resembles_a_newborns_is_a_name(given_name: str) -> None:
    name = read_name("Smith", [given_name])
    assert name is not None
    assert not name.is_newborn


@pytest.mark.parametrize(
    ("family", "given_name"),
    [
        ("UNKNOWN", "UNKNOWN"),
        ("Doe", "John"),
        ("Test", "Patient"),
        ("XXX", ""),
        ("", "N/A"),
        ("", ""),
    ],
)
def test_a_placeholder_is_no_name(family: str, given_name: str) -> None:
    assert read_name(family, [given_name]) is None


@pytest.mark.parametrize("first", ["", "UNKNOWN", "Male Child", "Lady in the House", "Wife", "Mrs"])
def test_a_second_name_does_not_pass_for_a_first_name_that_is_not_told(first: str) -> None:
    assert read_name("Smith", [first, "Ann"]) == PersonName(("smith",), ("", "ann"))


@pytest.mark.parametrize("family", ["Male Child", "Don't know", "Man of the House"])
def test_who_somebody_is_in_the_house_is_no_family_name(family: str) -> None:
    assert read_name(family, ["Ann"]) == PersonName((), ("ann",))


@pytest.mark.parametrize(
    ("family", "given_name"), [("Friend", "Guest"), ("Man", "Son"), ("Child", "Lady")]
)
def test_a_single_word_that_people_are_called_is_a_name(family: str, given_name: str) -> None:
    expected = PersonName((family.lower(),), (given_name.lower(),))
    assert read_name(family, [given_name]) == expected


def test_nicknames_meet_in_a_full_name_and_only_there() -> None:
    assert roots("bob") & roots("robert")
    assert roots("kate") & roots("catherine")
    assert not roots("bob") & roots("bill")
    assert roots("nobody-else") == {"nobody-else"}


@given(
    _NAMES, st.lists(_NAMES, max_size=3), st.lists(st.sampled_from(["Jr", "MD", "PhD"]), max_size=2)
)
def test_reading_a_name_that_was_read_changes_nothing(
    family: str, given_names: list[str], suffix: list[str]
) -> None:
    name = read_name(family, given_names, suffix)
    if name is not None and not name.is_newborn:
        again = read_name(" ".join(name.family), name.given)
        assert again is not None
        assert (again.family, again.given) == (name.family, name.given)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("1980-02-03", (1980, 2, 3)),
        ("1980-02-03T10:00:00+01:00", (1980, 2, 3)),
        ("19800203", (1980, 2, 3)),
        ("1980-02", (1980, 2, 0)),
        ("1980", (1980, 0, 0)),
        ("2/3/1980", (1980, 2, 3)),
        ("3.2.1980", (1980, 2, 3)),
        ("1980-23-02", (1980, 2, 23)),
        ("2972-04-07", (2972, 4, 7)),
        ("2972", None),
        ("1900-01-01", None),
        ("18991230", None),
        ("9999-12-31", None),
        ("0000", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_birth_date_keeps_its_precision_and_a_default_is_none(
    text: str, date: tuple[int, int, int] | None
) -> None:
    assert read_birth_date(text) == date


def test_the_first_of_january_counts_as_estimated() -> None:
    assert BirthDate(1980, 1, 1).is_estimated
    assert BirthDate(1980).is_estimated
    assert not BirthDate(1980, 1, 2).is_estimated


def test_an_address_compares_without_abbreviations_and_units() -> None:
    one = read_address(["12 North Main Street, Apt 4"], "Saint Paul", "MN", "55101-1234")
    other = read_address(["12 N MAIN ST #4"], "St. Paul", "mn", "55101")
    assert one == other
    assert one is not None
    assert (one.number, one.street, one.unit) == ("12", "n main st", "4")


def test_a_european_address_has_its_number_behind_the_street() -> None:
    one = read_address(["Goethestraße 12a"], "Wien", "", "1010")
    assert one == read_address(["Goethestr. 12a"], "WIEN", "", "1010")
    assert one is not None
    assert one.number == "12a"


@pytest.mark.parametrize("line", ["UNKNOWN", "Homeless", "no fixed abode", "same"])
def test_a_place_that_is_none_is_no_address(line: str) -> None:
    assert read_address([line], "unknown", "", "00000") is None


@pytest.mark.parametrize(
    ("text", "code"),
    [("12345-6789", "12345"), ("12345", ""), ("55101-1234", "55101"), ("551011234", "55101"), ("sw1a 1aa", "SW1A1AA"), ("99999", ""), ("", "")],
)  # fmt: skip
def test_postal_codes_compare_without_extension(text: str, code: str) -> None:
    assert read_postal_code(text) == code


@pytest.mark.parametrize(
    "text", ["(212) 736-5000", "+1 212 736 5000", "1-212-736-5000 ext. 12", "0012127365000"]
)
def test_a_phone_number_compares_by_its_national_digits(text: str) -> None:
    assert read_phone(text) == "2127365000"


@pytest.mark.parametrize(
    "text", ["555-5555", "000-000-0000", "1234567890", "n/a", "911", "5555555555"]
)
def test_a_phone_number_that_is_none_is_left_out(text: str) -> None:
    assert not read_phone(text)


def test_mail_addresses_compare_without_tags() -> None:
    assert read_email("Ann.Lee+clinic@Mail.example") == "ann.lee@mail.example"
    assert read_email("a.b@googlemail.com") == read_email("ab@gmail.com")


@pytest.mark.parametrize(
    "text", ["none@none.com", "noemail@hospital.example", "nobody", "x y@z.example"]
)
def test_a_mail_address_that_is_none_is_left_out(text: str) -> None:
    assert not read_email(text)


@pytest.mark.parametrize(
    ("system", "right", "wrong"),
    [
        ("us-ssn", "536221234", "000221234"),
        ("uk-nhs", "9434765919", "9434765918"),
        ("us-npi", "1234567893", "1234567890"),
        ("ca-sin", "130692544", "130692545"),
        ("nl-bsn", "111222333", "111222334"),
        ("at-svnr", "1237010180", "1238010180"),
        ("ch-ahv", "7569217076985", "7569217076984"),
        ("se-personnummer", "8112189876", "8112189875"),
        ("es-dni", "12345678Z", "12345678A"),
    ],
)
def test_a_national_number_keeps_its_own_rule(system: str, right: str, wrong: str) -> None:
    assert is_sound_number(system, right)
    assert not is_sound_number(system, wrong)


def _ssn(value: str) -> Identifier:
    return Identifier(value=value, type_code="SS", authority=Authority(namespace="ADMIN"))


@pytest.mark.parametrize(
    "value", ["999-99-9999", "000-00-0000", "123-45-6789", "078-05-1120", "UNKNOWN", "12345", ""]
)
def test_a_placeholder_is_no_national_number(value: str) -> None:
    assert read_national_ids([_ssn(value)]) == ()


def test_a_national_number_compares_without_separators_whoever_tells_it() -> None:
    assert read_national_ids([_ssn("536-22-1234"), _ssn("536221234")]) == (("us-ssn", "536221234"),)


_PERSONS = st.builds(
    Person,
    names=st.lists(
        st.builds(HumanName, family=WORDS | _NAMES, given=st.lists(WORDS | _NAMES, max_size=2)),
        max_size=4,
    ),
    addresses=st.lists(
        st.builds(Address, line=st.lists(WORDS, max_size=2), city=WORDS, postal_code=WORDS),
        max_size=3,
    ),
    telecoms=st.lists(
        st.builds(Telecom, value=st.text("0123456789 @.ax", max_size=14)), max_size=4
    ),
    birth_date=st.sampled_from(["", "1980", "1980-02-03", "19800203", "1900-01-01"]) | WORDS,
    gender=st.sampled_from(["male", "female", "other", ""]),
)


@given(_PERSONS, st.randoms(use_true_random=False))
def test_features_do_not_depend_on_the_order_in_the_message(
    person: Person, chance: random.Random
) -> None:
    shuffled = Person()
    shuffled.CopyFrom(person)
    for name in ("names", "addresses", "telecoms"):
        parts = list(getattr(person, name))
        chance.shuffle(parts)
        shuffled.ClearField(name)
        getattr(shuffled, name).extend(parts)
    if max(len(person.names), len(person.addresses), len(person.telecoms)) <= 8:
        assert features_of(shuffled) == features_of(person)


@given(_PERSONS)
def test_features_come_back_from_the_store_as_they_were(person: Person) -> None:
    features = features_of(person)
    assert Features.from_text(features.to_text()) == features


def test_a_person_of_placeholders_only_is_no_evidence() -> None:
    person = Person(
        names=[HumanName(family="UNKNOWN", given=["UNKNOWN"])],
        birth_date="1900-01-01",
        identifiers=[_ssn("999-99-9999")],
        telecoms=[Telecom(system="phone", value="555-5555")],
        addresses=[Address(line=["unknown"], city="UNKNOWN", postal_code="99999")],
    )
    assert features_of(person) == Features()
    assert not features_of(person).is_evidence


def test_the_version_names_the_rules_by_their_content() -> None:
    assert len(normalisation_version()) == 12
    assert normalisation_version() == normalisation_version()
