"""Escape sequences and separators of HL7 v2 (2.5.4, 2.7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plexus.codecs.hl7v2.escapes import Separators, escape, separators_of, unescape

_SEPARATORS = st.permutations("|^~\\&#!@$:;*.+-\"'").map(lambda chars: Separators(*chars[:6]))


@given(st.text(), _SEPARATORS)
def test_escaped_text_comes_back_and_holds_no_separator(text: str, separators: Separators) -> None:
    written = escape(text, separators)
    assert unescape(written, separators, "utf-8") == text
    for char in (separators.field, separators.component, separators.repetition, "\r", "\n"):
        assert char not in written


@given(st.text(alphabet="\\ECMXHZFS.br2D41spint0 \n|x"))
def test_any_text_can_be_unescaped(text: str) -> None:
    assert isinstance(unescape(text, Separators(), "ascii"), str)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", "a|b^c&d~e\\f"),
        (r"50\P\ ", "50# "),
        (r"\X0D0A\ ", "\r\n "),
        (r"\X41\B", "AB"),
        (r"line\.br\next\.sp2\third", "line\nnext\n\nthird"),
        (r"a\.sk 3\b\.in+4\c\.fi\d", "a   bcd"),
        (r"\H\bold\N\ plain", "bold plain"),
        (r"\Z01\local", r"\Z01\local"),
        (r"\.zz\kept", r"\.zz\kept"),
        (r"C:\temp\F\x", r"C:\temp|x"),
        (r"\\server\share", r"\\server\share"),
        ("dangling\\", "dangling\\"),
        (r"\X4\ odd \XZZ\ ", r"\X4\ odd \XZZ\ "),
        (r"\E\T\E\ ", "\\T\\ "),
    ],
)
def test_sequences_mean_what_the_standard_says(written: str, meant: str) -> None:
    assert unescape(written, Separators()) == meant


def test_hexadecimal_data_is_text_in_the_charset_of_the_message() -> None:
    assert unescape(r"\XC3A4\ ", Separators(), "utf-8") == "ä "
    assert unescape(r"\XE4\ ", Separators(), "iso8859-1") == "ä "
    assert unescape(r"\XE4\ ", Separators(), "utf-8") == "ä "
    assert unescape(r"\XC3A4\ ", Separators(), "utf-16-le") == "ä "


def test_switches_of_the_character_set_are_followed_to_the_next_switch() -> None:
    written = r"\M2442\;3ED\C2842\ (YAMADA)"
    assert unescape(written, Separators(), "ascii") == "山田 (YAMADA)"
    assert unescape("\\C2D4C\\" + "\xbc\xd8\xe0", Separators(), "iso8859-1") == "Мир"


def test_a_switch_that_cannot_be_followed_stays_as_written() -> None:
    assert unescape(r"\M2442\a", Separators(), "ascii") == r"\M2442\a"
    assert unescape(r"\C9999\a", Separators(), "ascii") == r"\C9999\a"


def test_spacing_commands_do_not_grow_the_text_without_bound() -> None:
    assert len(unescape(r"\.sp999999\ ", Separators())) < 1000


def test_without_an_escape_character_nothing_is_a_sequence() -> None:
    separators = Separators(escape="")
    assert unescape(r"a\F\b", separators) == r"a\F\b"
    assert escape("a|b^c\rd", separators) == "a b c d"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("^~\\&", Separators()),
        ("^~\\&#", Separators(truncation="#")),
        ("^", Separators("|", "^", "", "", "")),
        ("^~", Separators("|", "^", "~", "", "")),
        ("^~\\", Separators("|", "^", "~", "\\", "")),
        ("^~&", Separators("|", "^", "~", "", "&")),
        ("", Separators()),
        ("^^\\&", Separators("|", "^", "", "\\", "&")),
        ("^~\\&#EPIC", Separators(truncation="#")),
        ("^~\\|", Separators(subcomponent="")),
    ],
)
def test_encoding_characters_of_any_length(written: str, expected: Separators) -> None:
    assert separators_of("|", written)[0] == expected


@pytest.mark.parametrize("written", ["", "^~&", "^^\\&", "^~\\&SENDER", "ABC"])
def test_odd_encoding_characters_are_told(written: str) -> None:
    assert separators_of("|", written)[1]
