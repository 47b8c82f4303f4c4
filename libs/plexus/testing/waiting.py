"""Waiting for what another process or task brings about.

The one place in tests that sleeps: between looks at a condition, and never in the hope that a
certain time is enough.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

__all__ = ["eventually"]

T = TypeVar("T")

_FIRST_PAUSE_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 0.1


@overload
async def eventually(
    check: Callable[[], Awaitable[T]], *, timeout_seconds: float = 10.0, what: str = ""
) -> T: ...


@overload
async def eventually(
    check: Callable[[], T], *, timeout_seconds: float = 10.0, what: str = ""
) -> T: ...


async def eventually(
    check: Callable[[], Any], *, timeout_seconds: float = 10.0, what: str = ""
) -> Any:
    """Call `check` until what it returns is true, and return that.

    A check that raises AssertionError has not held yet; any other exception is raised at once.

    Args:
        check: looks at the claim; a plain function or a coroutine function.
        timeout_seconds: the claim has failed when it does not hold by then.
        what: the claim in words, for the failure.

    Raises:
        AssertionError: it did not hold in time; its cause is the last AssertionError of the check.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + timeout_seconds
    pause_seconds = _FIRST_PAUSE_SECONDS
    while True:
        failure: AssertionError | None = None
        seen: Any = None
        try:
            looked = check()
            seen = await looked if inspect.isawaitable(looked) else looked
            if seen:
                return seen
        except AssertionError as exc:
            failure = exc
        if loop.time() >= until:
            claim = what or getattr(check, "__qualname__", repr(check))
            raise AssertionError(
                f"not so within {timeout_seconds} s: {claim}; last seen: {failure or seen!r}"
            ) from failure
        await asyncio.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
