"""Percentiles of measured times."""

import math
from collections.abc import Iterable, Sequence

__all__ = ["percentile", "percentiles_ms"]


def percentile(ascending: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all values do not exceed; NaN of none.

    This is the nearest rank: always a value that was measured, never one in between.
    """
    if not ascending:
        return math.nan
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]


def percentiles_ms(seconds: Iterable[float]) -> dict[str, float]:
    """p50, p99 and max in milliseconds, to a microsecond; empty of no values."""
    ascending = sorted(seconds)
    if not ascending:
        return {}
    return {
        name: round(percentile(ascending, share) * 1000, 3)
        for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
    }
