"""Records at rest: whose they are, and how many. What is stored: tests/integration/records."""

from services.records.domain import PERSON, Record, RestingRecords
from tests.unit.records.records_material import ANNA, BERT, TENANT, Chart, person, result

OWNER = ("3", 7)
KEY = (TENANT, ANNA)


def _worked_on(person_id: str = ANNA) -> Record:
    chart = Chart(person_id)
    chart.take(person("Quill"), result())
    return chart.record


def test_a_record_is_given_once_and_only_at_the_epoch_that_committed_it() -> None:
    resting, record = RestingRecords(), _worked_on()
    resting.put({KEY: OWNER}, {KEY: record})
    assert resting.take({(TENANT, BERT): OWNER}) == {}
    assert resting.take({KEY: OWNER}) == {KEY: record}
    assert resting.take({KEY: OWNER}) == {}
    for other in (("3", 8), ("3", 6), ("4", 7)):
        resting.put({KEY: OWNER}, {KEY: record})
        assert resting.take({KEY: other}) == {}
        assert resting.take({KEY: OWNER}) == {}


def test_those_that_rested_longest_go_first() -> None:
    resting = RestingRecords(most_bytes=3 * 5000)
    keys = [(TENANT, str(number)) for number in range(5)]
    for key in keys:
        resting.put({key: OWNER}, {key: Record(*key)})
    assert set(resting.take(dict.fromkeys(keys, OWNER))) == set(keys[2:])


def test_a_record_comes_to_rest_with_nothing_left_to_write() -> None:
    record = _worked_on()
    record.come_to_rest()
    assert not any([record.history, record.touched, record.newly_absorbed, record.is_changed])
    assert record.golden_version == 1
    assert [slot.type for slot in record.held] == [PERSON]
    assert set(record.stored) == set(record.held)


def test_what_was_known_before_stays_up_to_a_bound_the_latest_first() -> None:
    chart = Chart()
    for number in range(100):
        chart.take(result(key=f"{number}"))
    for slot, version in chart.record.held.items():
        chart.record.restore(slot, version)
    chart.record.touched.clear()
    chart.take(result("amended", key="7"))
    chart.record.come_to_rest()
    kept = [slot.key for slot in chart.record.held]
    assert len(kept) < 100
    assert kept[-2:] == ["99", "7"]
