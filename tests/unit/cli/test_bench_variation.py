"""The variants of a message that `plexus bench transform` measures. Out of scope: what is measured."""

import itertools

from plexus.codecs.hl7v2 import read
from services.cli.benchmark.variation import varied

_MESSAGE = (
    b"MSH|^~\\&|A|B|C|D|20260305091418+0100||ORU^R01|L000000001|P|2.5.1\r"
    b"PID|1||H1007919^^^H&2.16.840.1.113883.3.9999.20.1&ISO^MR||Doe^Jo||19610809|M\r"
    b"OBX|1|NM|16690-2^Leukocytes^LN||7.5|10*3/uL^^UCUM|4.0-10.0|N|||F|||20260305091418+0100\r"
)


def test_each_variant_is_about_another_person_with_other_results() -> None:
    seen = [read(each) for each in itertools.islice(varied(_MESSAGE), 30)]
    for segment, field in (("PID", 3), ("PID", 5), ("PID", 7), ("OBX", 5), ("OBX", 14)):
        found = {getattr(each.first(segment), "raw")(field) for each in seen}  # noqa: B009
        assert len(found) == len(seen), (segment, field)


def test_codes_units_and_authorities_stay() -> None:
    seen = [read(each) for each in itertools.islice(varied(_MESSAGE), 30)]
    for segment, field, component in (("OBX", 3, 1), ("OBX", 6, 1), ("PID", 3, 4)):
        first = seen[0].first(segment)
        assert first is not None
        assert {each.first(segment).get(field, component) for each in seen} == {  # type: ignore[union-attr]
            first.get(field, component)
        }


def test_what_was_equal_stays_equal() -> None:
    for each in itertools.islice(varied(_MESSAGE), 30):
        message = read(each)
        result = message.first("OBX")
        assert result is not None
        assert result.raw(14) == message.msh.raw(7)
