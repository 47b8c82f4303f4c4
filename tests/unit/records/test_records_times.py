"""The order of FHIR times."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.records.domain import age


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("", "1900"),
        ("last Tuesday", "1900"),
        ("2026", "2026-01-02"),
        ("2026-02", "2026-03"),
        ("2026-03-03T10:00:00+02:00", "2026-03-03T09:00:00Z"),
        ("2026-03-03T23:30:00-05:00", "2026-03-04T04:31:00Z"),
        ("2026-03-03T10:00:00.1Z", "2026-03-03T10:00:00.100000001Z"),
        ("2026-06-30T23:59:59Z", "2026-06-30T23:59:60Z"),
        ("2026-03-03", "2026-03-03T00:00:01"),
        ("2026-02-30", "0001"),
    ],
)
def test_times_of_other_precision_and_zone_compare(earlier: str, later: str) -> None:
    assert age(earlier) < age(later)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2026-03-03T10:00:00+02:00", "2026-03-03T08:00:00Z"),
        ("2026-03-03T08:00:00", "2026-03-03T08:00:00Z"),
        ("2026-03-03", "2026-03-03T00:00:00Z"),
        ("2026-03-03T08:00Z", "2026-03-03T08:00:00.000Z"),
        ("", "2026-13-01"),
    ],
)
def test_the_same_moment_is_equally_old_however_it_is_written(one: str, other: str) -> None:
    assert age(one) == age(other)


_moments = st.datetimes(
    min_value=datetime.datetime.fromordinal(2),
    max_value=datetime.datetime.fromordinal(datetime.date.max.toordinal() - 1),
    timezones=st.integers(-14 * 60, 14 * 60).map(
        lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes))
    ),
)


@given(_moments, _moments)
def test_moments_compare_as_they_lie_in_time(
    one: datetime.datetime, other: datetime.datetime
) -> None:
    assert (age(one.isoformat()) < age(other.isoformat())) == (one < other)
