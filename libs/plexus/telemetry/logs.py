"""JSON log lines: a constant event name, and values under listed keys only.

Free text is where patient data leak, so there is none: an exception is told by its type, its reason
and the places in the code it came through, never by its text; a line of a library is told by its
template without the arguments. The registry of keys is `names.LOG_KEYS`.
"""

import datetime
import logging
import sys
import traceback
from typing import TextIO

import orjson

from plexus.errors import PlexusError
from plexus.telemetry.names import LOG_KEYS

__all__ = ["Log", "configure_logs", "get_log"]

Value = str | int | float | bool | None
_MAX_TEXT = 400
_OURS = "plexus_fields"


class Log:
    """Writes events of one module."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **fields: Value) -> None:
        self._write(logging.DEBUG, event, None, fields)

    def info(self, event: str, **fields: Value) -> None:
        self._write(logging.INFO, event, None, fields)

    def warning(self, event: str, error: BaseException | None = None, **fields: Value) -> None:
        self._write(logging.WARNING, event, error, fields)

    def error(self, event: str, error: BaseException | None = None, **fields: Value) -> None:
        self._write(logging.ERROR, event, error, fields)

    def _write(
        self, level: int, event: str, error: BaseException | None, fields: dict[str, Value]
    ) -> None:
        if not self._logger.isEnabledFor(level):
            return
        if error is not None:
            fields = {**fields, **_told(error)}
        self._logger.log(level, event, extra={_OURS: fields})


def _told(error: BaseException) -> dict[str, Value]:
    """An error by type, reason and place; its text only where our own tree vouches for it."""
    told: dict[str, Value] = {"error": type(error).__name__}
    if isinstance(error, PlexusError):
        told["reason"] = error.reason_name
        told["detail"] = error.detail
        if error.location:
            told["location"] = error.location
        return told
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    told["line"] = " < ".join(f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}" for f in frames[::-1])
    return told


class _JsonLines(logging.Formatter):
    def __init__(self, service: str, instance: str) -> None:
        super().__init__()
        self._fixed = {"service": service, "instance": instance}

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, Value] = {
            "at": when.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        fields: dict[str, Value] | None = getattr(record, _OURS, None)
        if fields is None:
            # A library's line: its template is constant, its arguments may be anything.
            line["event"] = "library message"
            line["library"] = record.name
            # An exception as the message, or a text that is put together already, is no template.
            is_template = isinstance(record.msg, str) and bool(record.args)
            line["detail"] = record.msg[:_MAX_TEXT] if is_template else "(no template)"
            if record.exc_info and record.exc_info[1] is not None:
                line.update(_told(record.exc_info[1]))
        else:
            line["event"] = record.getMessage()
            for key, value in fields.items():
                if key in LOG_KEYS:
                    line[key] = value[:_MAX_TEXT] if isinstance(value, str) else value
        line.update(self._fixed)
        try:
            return orjson.dumps(line).decode()
        except TypeError:
            # Half a surrogate pair, as in a file name that is no UTF-8.
            return orjson.dumps({key: _safe(value) for key, value in line.items()}).decode()


def _safe(value: Value) -> str:
    return str(value).encode(errors="replace").decode()


def get_log(name: str) -> Log:
    """The log of one module; pass `__name__`."""
    return Log(name)


def configure_logs(service: str, instance: str, level: str, stream: TextIO | None = None) -> None:
    """Send all logs of this process to `stream` (standard error) as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonLines(service, instance))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for ours in ("plexus", "services"):
        logging.getLogger(ours).setLevel(level.upper())
    # Reconnections are logged by the bus itself, once, with what it means.
    logging.getLogger("nats").setLevel(logging.CRITICAL)
