"""The maps are loaded once; they do not change."""

import pytest

from services.transform.domain import Maps, load_maps


@pytest.fixture(scope="session")
def maps() -> Maps:
    return load_maps()
