"""Log files of children, bounded.

A server writes its own log through a descriptor from `open_log`; what a supervised process says on
stdout and stderr goes through a `BoundedLog`. Neither ever takes more than twice its cap.
"""

import contextlib
import os
import pathlib

__all__ = ["BoundedLog", "open_log"]

LOG_CAP_BYTES = 16 * 1024 * 1024
_PRIVATE = 0o600


def open_log(path: pathlib.Path) -> int:
    """A descriptor to append to; a log over 16 MiB is first moved to `<name>.1`."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_CAP_BYTES:
            path.replace(path.with_name(path.name + ".1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _PRIVATE)


class BoundedLog:
    """A log file that takes at most twice its cap: itself and one before it.

    A full disk costs log lines, never the caller: `lost_bytes` says how much.
    """

    def __init__(self, path: pathlib.Path, cap_bytes: int = LOG_CAP_BYTES) -> None:
        self._path = path
        self._cap_bytes = cap_bytes
        self._descriptor: int | None = None
        self._size_bytes = 0
        self.lost_bytes = 0

    def write(self, chunk: bytes) -> None:
        """Append to the file. The write goes to the page cache; nothing waits for the disk."""
        try:
            if self._descriptor is None:
                self._open()
            elif self._size_bytes + len(chunk) > self._cap_bytes:
                self._rotate()
            if self._descriptor is not None:
                self._size_bytes += os.write(self._descriptor, chunk)
        except OSError:
            self.lost_bytes += len(chunk)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, _PRIVATE)
        self._size_bytes = os.fstat(self._descriptor).st_size

    def _rotate(self) -> None:
        self.close()
        self._path.replace(self._path.with_name(self._path.name + ".1"))
        self._open()
