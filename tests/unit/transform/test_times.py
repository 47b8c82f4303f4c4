"""HL7 times as FHIR text: precision as given, and no zone that nobody stated."""

from zoneinfo import ZoneInfo

import pytest

from plexus.errors import ConfigurationError
from services.transform.domain import SourceContext
from services.transform.domain.datatypes import decimal
from services.transform.domain.times import clock_time, date_time


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2024", "2024"),
        ("202402", "2024-02"),
        ("20240229", "2024-02-29"),
        ("202402291530", "2024-02-29T15:30:00"),
        ("20240229153045", "2024-02-29T15:30:45"),
        ("20240229153045.1234", "2024-02-29T15:30:45.1234"),
        ("20240229153045-0330", "2024-02-29T15:30:45-03:30"),
        ("2024022915", ""),
        ("20230229", ""),
        ("20241301", ""),
        ("202402292530", ""),
        ("00000000", ""),
        ("202402291530+9900", ""),
        ("2024-02-29", ""),
        ("", ""),
    ],
)
def test_date_time_keeps_the_precision_or_is_none(sent: str, expected: str) -> None:
    assert date_time(sent, None) == expected


@pytest.mark.parametrize(
    ("sent", "zone", "offset"),
    [
        ("20240701120000", "Europe/Berlin", "+02:00"),
        ("20240101120000", "Europe/Berlin", "+01:00"),
        ("20240101120000", "America/St_Johns", "-03:30"),
        ("18000101120000", "Europe/Berlin", ""),
    ],
)
def test_zone_of_the_source_holds_at_that_instant(sent: str, zone: str, offset: str) -> None:
    assert date_time(sent, ZoneInfo(zone))[19:] == offset


def test_unknown_zone_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="unknown time zone"):
        SourceContext("t", "s", "m", time_zone="Mars/Olympus")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [("0730", "07:30:00"), ("073015.5", "07:30:15.5"), ("2400", ""), ("07", ""), ("0730+0100", "")],
)
def test_clock_time_has_no_zone(sent: str, expected: str) -> None:
    assert clock_time(sent) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [("5", "5"), ("05.50", "5.50"), ("-0", "-0"), (".5", "0.5"), ("5.", "5"), ("1e5", ""), ("<5", ""), ("-", ""), (".", ""), ("٣", "")],
)  # fmt: skip
def test_decimal_keeps_the_digits(sent: str, expected: str) -> None:
    assert decimal(sent) == expected
