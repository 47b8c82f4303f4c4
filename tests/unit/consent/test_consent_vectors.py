"""Single rules: our cases of tests/data/consent, and those that were given where they lie. The laws
are in `test_consent_laws`."""

import os
import pathlib
from typing import Any

import pytest

from services.cli.consent_vectors import check, read_vectors

_OURS = pathlib.Path(__file__).parents[2] / "data" / "consent" / "vectors.json"
_ROOT = pathlib.Path(__file__).parents[3]
_GIVEN = pathlib.Path(os.environ.get("PLEXUS_SHARED", _ROOT.parent / "shared"))


@pytest.mark.parametrize("case", read_vectors(_OURS), ids=lambda case: case["title"])
def test_our_case_is_decided_as_it_expects(case: dict[str, Any]) -> None:
    checked = check(case)
    assert checked.agrees, (checked.decided, checked.problems)


def test_given_cases_are_decided_as_they_expect() -> None:
    path = _GIVEN / "vectors" / "consent.json"
    if not path.exists():
        pytest.skip("the given vectors are not here; PLEXUS_SHARED names their folder")
    assert [each for each in map(check, read_vectors(path)) if not each.agrees] == []
