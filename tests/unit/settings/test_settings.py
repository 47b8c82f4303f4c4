"""A service's settings: read from the environment, shown without secrets."""

import pathlib

import pydantic
import pytest

from plexus.errors import ConfigurationError
from plexus.settings import ServiceSettings, describe, printable

SECRET = "0123456789abcdef-of-tests"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing of the machine's own."""
    for row in describe(ServiceSettings):
        monkeypatch.delenv(row.variable, raising=False)
    return monkeypatch


def test_each_setting_is_read_from_its_variable(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PLEXUS_SHARDS", "64")
    environment.setenv("PLEXUS_INSTANCE", "records-2")
    environment.setenv("PLEXUS_UNKNOWN", "x")
    settings = ServiceSettings()
    assert (settings.shards, settings.instance) == (64, "records-2")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PLEXUS_SHARDS", "0"),
        ("PLEXUS_SHARDS", "many"),
        ("PLEXUS_INSTANCE", "a b"),
        ("PLEXUS_TRACE_EXPORTER", "fax"),
        ("PLEXUS_TRACE_RATIO", "1.5"),
        ("PLEXUS_DRAIN_SECONDS", "0"),
    ],
)
def test_a_value_that_will_not_do_is_refused(
    environment: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    environment.setenv(variable, value)
    with pytest.raises(pydantic.ValidationError):
        ServiceSettings()


def test_a_service_cannot_change_its_settings() -> None:
    with pytest.raises(pydantic.ValidationError):
        ServiceSettings().shards = 9


def test_every_setting_has_a_meaning_and_no_secret_is_described() -> None:
    rows = {row.variable: row for row in describe(ServiceSettings)}
    assert set(rows) == {f"PLEXUS_{name.upper()}" for name in ServiceSettings.model_fields}
    assert all(row.meaning for row in rows.values())
    for variable in ("PLEXUS_KEY_SECRET", "PLEXUS_DATABASE_URL", "PLEXUS_NATS_URL"):
        assert rows[variable].default == "(secret)"


def test_values_in_force_are_printed_without_secrets(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PLEXUS_KEY_SECRET", SECRET)
    environment.setenv("PLEXUS_DATABASE_URL", f"postgresql://plexus:{SECRET}@db/plexus")
    environment.setenv("PLEXUS_NATS_URL", f"nats://plexus:{SECRET}@bus")
    environment.setenv("PLEXUS_SHARDS", "16")
    settings = ServiceSettings()
    told = printable(settings)
    assert told["PLEXUS_SHARDS"] == "16"
    assert SECRET not in str(told)
    assert SECRET not in repr(settings)
    assert settings.secret() == SECRET.encode()


def test_the_file_of_the_secret_wins(
    environment: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    environment.setenv("PLEXUS_KEY_SECRET", "another secret of tests")
    environment.setenv("PLEXUS_KEY_SECRET_FILE", str(tmp_path / "secret"))
    assert ServiceSettings().secret() == SECRET.encode()


@pytest.mark.parametrize("content", [None, b"", b"too short\n", b"\xff" * 32])
def test_a_secret_file_that_will_not_do_is_told(
    environment: pytest.MonkeyPatch, tmp_path: pathlib.Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    environment.setenv("PLEXUS_KEY_SECRET_FILE", str(tmp_path / "secret"))
    with pytest.raises(ConfigurationError, match="PLEXUS_KEY_SECRET_FILE"):
        ServiceSettings().secret()


def test_without_a_secret_a_service_says_what_to_set() -> None:
    with pytest.raises(ConfigurationError, match="PLEXUS_KEY_SECRET"):
        ServiceSettings().secret()
