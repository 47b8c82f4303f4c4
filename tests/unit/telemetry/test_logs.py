"""Log lines: listed keys only, and never the text of an exception or a library's arguments."""

import io
import logging
from collections.abc import Iterator

import orjson
import pytest

from plexus.errors import InvalidMessage, Reason
from plexus.telemetry.logs import configure_logs, get_log
from plexus.telemetry.names import LOG_KEYS

PATIENT = "Ambrosia Quill"
_ALWAYS = {"at", "level", "event", "service", "instance"}


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the process logs; the loggers are put back afterwards."""
    names = ("plexus", "services", "nats")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in names}
    stream = io.StringIO()
    configure_logs("records", "2", "info", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, its_level in levels.items():
        logging.getLogger(name).setLevel(its_level)


def only(stream: io.StringIO) -> dict[str, object]:
    (line,) = stream.getvalue().splitlines()
    told: dict[str, object] = orjson.loads(line)
    return told


def fail() -> None:
    raise ValueError(PATIENT)


def failing() -> Exception:
    with pytest.raises(ValueError, match=PATIENT) as caught:
        fail()
    return caught.value


def test_a_line_tells_event_time_and_place(lines: io.StringIO) -> None:
    get_log("plexus.test").info("batch done", count=3, stage="records")
    told = only(lines)
    assert told["event"] == "batch done"
    assert (told["service"], told["instance"], told["level"]) == ("records", "2", "info")
    assert (told["count"], told["stage"]) == (3, "records")
    assert str(told["at"]).endswith("+00:00")


def test_keys_that_are_not_listed_are_left_out(lines: io.StringIO) -> None:
    get_log("plexus.test").warning("looked", name=PATIENT, birth_date="1970", count=1)
    assert set(only(lines)) == _ALWAYS | {"count"}
    assert not _ALWAYS & LOG_KEYS - {"service", "instance"}


def test_an_exception_is_told_by_type_and_place_and_not_by_its_text(lines: io.StringIO) -> None:
    get_log("plexus.test").error("turn failed", failing())
    told = only(lines)
    assert told["error"] == "ValueError"
    assert str(told["line"]).startswith("test_logs.py:")
    assert PATIENT not in lines.getvalue()


def test_our_own_errors_are_told_with_reason_detail_and_location(lines: io.StringIO) -> None:
    error = InvalidMessage("no id", reason=Reason.REASON_NO_IDENTIFIER, location="PID-3")
    get_log("plexus.test").warning("message parked", error)
    told = only(lines)
    assert (told["reason"], told["detail"], told["location"]) == (
        "NO_IDENTIFIER",
        "no id",
        "PID-3",
    )


def test_the_cause_of_our_own_error_is_not_told(lines: io.StringIO) -> None:
    error = InvalidMessage("unreadable")
    error.__cause__ = failing()
    get_log("plexus.test").warning("message parked", error)
    assert PATIENT not in lines.getvalue()


@pytest.mark.parametrize("level", ["warning", "error", "critical"])
def test_a_librarys_line_is_its_template_without_arguments(lines: io.StringIO, level: str) -> None:
    getattr(logging.getLogger("asyncpg.pool"), level)("row %s of %d", PATIENT, 7)
    told = only(lines)
    assert told["event"] == "library message"
    assert told["library"] == "asyncpg.pool"
    assert told["detail"] == "row %s of %d"


@pytest.mark.parametrize("message", [PATIENT, ValueError(PATIENT), {"name": PATIENT}])
def test_a_librarys_ready_made_text_is_not_told(lines: io.StringIO, message: object) -> None:
    logging.getLogger("library").warning(message)
    logging.getLogger("library").warning(message, exc_info=failing())
    assert PATIENT not in lines.getvalue()
    assert len(lines.getvalue().splitlines()) == 2


def test_an_object_as_a_librarys_template_is_not_told(lines: io.StringIO) -> None:
    class Text:
        def __str__(self) -> str:
            return f"{PATIENT} %s"

    logging.getLogger("library").warning(Text(), "argument")
    assert only(lines)["detail"] == "(no template)"


def test_a_librarys_exception_is_told_by_type_and_place(lines: io.StringIO) -> None:
    logging.getLogger("asyncio").error("Task failed: %r", PATIENT, exc_info=failing())
    told = only(lines)
    assert told["error"] == "ValueError"
    assert PATIENT not in lines.getvalue()


def test_libraries_are_heard_from_warning_up_and_we_from_the_level_that_was_set(
    lines: io.StringIO,
) -> None:
    logging.getLogger("library").info("quiet")
    logging.getLogger("nats.aio").error("reconnecting")
    get_log("plexus.test").debug("quiet")
    assert lines.getvalue() == ""
    get_log("services.test").info("loud")
    assert only(lines)["event"] == "loud"


def test_long_texts_are_cut(lines: io.StringIO) -> None:
    get_log("plexus.test").info("long", detail="x" * 10_000)
    assert len(str(only(lines)["detail"])) < 1000


def test_half_a_surrogate_pair_breaks_no_line(lines: io.StringIO) -> None:
    get_log("plexus.test").info("odd path", path="a\udce4b")
    assert only(lines)["path"] == "a?b"
