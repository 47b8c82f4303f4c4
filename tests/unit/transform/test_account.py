"""The account of sources: leaves are counted in samples, a field that nobody maps is news once."""

from services.transform.domain import Accounts, Maps, coverage_of, run
from tests.unit.transform.messages import CONTEXT, PID, message


def test_the_first_message_and_every_eighth_of_a_source_is_counted(maps: Maps) -> None:
    accounts = Accounts()
    done = run(maps, message("ADT^A01", PID), CONTEXT)
    once = coverage_of(done.message, done.draft)
    for number in range(9):
        accounts.add("acme", "north", f"m-{number}", done)
    accounts.add("acme", "south", "m", done)
    counted, _ = accounts.drain()
    north = counted["acme", "north"]
    assert (north.mapped, north.dropped, north.residue) == tuple(2 * n for n in once)
    assert counted["acme", "south"].mapped == once.mapped
    accounts.add("acme", "north", "m-9", done)
    assert accounts.drain()[0] == {}


def test_a_field_is_news_once_for_its_source_and_type_of_message(maps: Maps) -> None:
    accounts = Accounts()

    def news(source: str, kind: str, *segments: str) -> list[tuple[str, str, str, str]]:
        done = run(maps, message(kind, *segments), CONTEXT)
        accounts.add("acme", source, "m-1", done)
        return [(one.source, one.trigger, one.place, one.message_id) for one in accounts.drain()[1]]

    first = news("north", "ADT^A01", PID, "ZPI|a^b~c||d", "ZPI|e")
    assert ("north", "ADT^A01", "ZPI-1", "m-1") in first
    assert ("north", "ADT^A01", "ZPI-3", "m-1") in first
    assert len({one[2] for one in first}) == len(first)
    assert news("north", "ADT^A01", PID, "ZPI|x^y^z~c~d", "ZPI|e", "ZPI|f") == []
    assert [one[2] for one in news("north", "ADT^A01", PID, "ZPI||new")] == ["ZPI-2"]
    assert ("north", "ADT^A04", "ZPI-1", "m-1") in news("north", "ADT^A04", PID, "ZPI|a")
    assert ("south", "ADT^A01", "ZPI-1", "m-1") in news("south", "ADT^A01", PID, "ZPI|a")


def test_a_name_that_is_no_segment_is_not_repeated(maps: Maps) -> None:
    accounts = Accounts()
    accounts.add(
        "acme", "n", "m", run(maps, message("ADT^A01", PID, "ANN Vale|x", "Zoe|y"), CONTEXT)
    )
    places = [one.place for one in accounts.drain()[1]]
    assert places.count("other") == 1
    assert not [place for place in places if place[:3] in {"ANN", "Zoe"}]
