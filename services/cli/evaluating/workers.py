"""Parts of a long piece of work on all processors."""

import gc
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

from services.identity.domain.parting import Run, in_turn

__all__ = ["runner"]

_Shared = TypeVar("_Shared")
_Part = TypeVar("_Part")
_Result = TypeVar("_Result")
_MOST: Final = 4
"""Each process comes to hold a copy of what it looks at."""

_task: tuple[Callable[[Any, Any], Any], Any]


def runner(records: int, least: int = 20_000) -> Run:
    """Does parts in several processes, where there are records enough to be worth it."""
    can_fork = "fork" in multiprocessing.get_all_start_methods()
    return _forked if can_fork and records >= least and _processors() > 1 else in_turn


def _forked(
    function: Callable[[_Shared, _Part], _Result], shared: _Shared, parts: Iterable[_Part]
) -> Iterator[_Result]:
    """By fork: what is shared is there without being sent."""
    context = multiprocessing.get_context("fork")
    gc.collect()
    # The collector would write into each object that it looks at, and each process have its own copy.
    gc.freeze()
    try:
        with warnings.catch_warnings():
            # Other threads may hold locks that stay locked in the child; none of them runs what parts do.
            warnings.simplefilter("ignore", DeprecationWarning)
            pool = context.Pool(min(_processors(), _MOST), _begin, (function, shared))
        with pool:
            yield from pool.imap(_do, parts)
    finally:
        gc.unfreeze()


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin(function: Callable[[Any, Any], Any], shared: object) -> None:
    global _task  # noqa: PLW0603 - of this process alone
    _task = function, shared
    gc.disable()


def _do(part: object) -> Any:
    function, shared = _task
    return function(shared, part)
