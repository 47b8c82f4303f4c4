"""Work that falls into parts which need nothing of each other."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

__all__ = ["Run", "in_turn", "ranges"]

_Shared = TypeVar("_Shared")
_Part = TypeVar("_Part")
_Result = TypeVar("_Result")


class Run(Protocol):
    """Does all parts, and gives the results in the order of the parts.

    The function must stand in a module, and the results must pickle: it may run in another process. What
    is shared does not pass between processes; it must not be changed.
    """

    def __call__(
        self,
        function: Callable[[_Shared, _Part], _Result],
        shared: _Shared,
        parts: Iterable[_Part],
    ) -> Iterable[_Result]: ...


def in_turn(
    function: Callable[[_Shared, _Part], _Result], shared: _Shared, parts: Iterable[_Part]
) -> Iterator[_Result]:
    """Do one part after the other, here."""
    for part in parts:
        yield function(shared, part)


def ranges(count: int, each: int) -> list[range]:
    """The numbers below `count` in parts of at most `each`."""
    return [range(start, min(start + each, count)) for start in range(0, count, each)]
