"""Parts of work, in processes and here."""

import os

from services.cli.evaluating.workers import runner
from services.identity.domain.parting import in_turn, ranges


def total(shared: list[int], part: range) -> tuple[int, int]:
    return sum(shared[number] for number in part), os.getpid()


def test_parts_in_processes_give_what_they_give_here_in_the_same_order() -> None:
    shared = list(range(1000))
    parts = ranges(len(shared), 70)
    run = runner(records=10, least=10)
    found = list(run(total, shared, parts))
    assert [sums for sums, _ in found] == [sums for sums, _ in in_turn(total, shared, parts)]


def test_little_work_stays_in_this_process() -> None:
    found = list(runner(records=9, least=10)(total, [1, 2], ranges(2, 1)))
    assert {process for _, process in found} == {os.getpid()}


def test_ranges_cover_each_number_once() -> None:
    assert [number for part in ranges(23, 5) for number in part] == list(range(23))
