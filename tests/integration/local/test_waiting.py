"""`eventually`: what it takes for true, and how it fails."""

import itertools

import pytest

from plexus.testing.waiting import eventually


async def test_the_first_true_value_is_returned() -> None:
    values = iter([0, "", None, "found"])
    assert await eventually(lambda: next(values)) == "found"


async def test_a_coroutine_is_awaited_and_a_failed_assertion_is_not_yet() -> None:
    counted = itertools.count()

    async def check() -> bool:
        assert next(counted) > 2, "too early"
        return True

    assert await eventually(check)


async def test_a_claim_that_never_holds_fails_with_what_was_seen() -> None:
    def check() -> bool:
        raise AssertionError("seven of nine")

    with pytest.raises(AssertionError, match=r"the claim.*seven of nine"):
        await eventually(check, timeout_seconds=0.01, what="the claim")


async def test_another_error_is_raised_at_once() -> None:
    def check() -> bool:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await eventually(check)
