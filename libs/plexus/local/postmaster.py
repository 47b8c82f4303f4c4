"""What a postmaster tells of itself: its lock file, its children, and whether it is ready.

`postmaster.pid` in PGDATA keeps two servers from one data folder. PostgreSQL forgives a lock whose
process is gone, but not one whose number now belongs to another process of the same user. That is
the rule after a crash of a container, where numbers are low and come again.
"""

import contextlib
import pathlib

__all__ = ["children", "is_ready", "remove_stale_lock"]

_LOCK = "postmaster.pid"


def is_ready(data: pathlib.Path, pid: int) -> bool:
    """Whether that postmaster, and no other over the same data, takes connections."""
    lines = _lock_lines(data)
    # Line 1 is its pid and line 8 its state (PostgreSQL's utils/pidfile.h, which pg_ctl reads too).
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def children(pid: int) -> list[int]:
    """Of a postmaster; none where the system does not tell."""
    with contextlib.suppress(OSError):
        listed = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [int(child) for child in listed.split()]
    return []


def remove_stale_lock(data: pathlib.Path) -> None:
    """Remove a lock whose number has gone to a process that is no PostgreSQL over this data.

    Every process of a PostgreSQL works in its PGDATA. Where any does, or the system does not tell,
    the lock stays, and PostgreSQL judges it.
    """
    lines = _lock_lines(data)
    if not lines or not lines[0].strip().isdigit():
        return
    holder = pathlib.Path("/proc", lines[0].strip())
    try:
        if (holder / "cwd").readlink() == data:
            return
    except OSError:  # gone, or not ours to see: PostgreSQL sees no more than we do
        return
    for process in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and (process / "cwd").readlink() == data:
                return
    (data / _LOCK).unlink(missing_ok=True)


def _lock_lines(data: pathlib.Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return (data / _LOCK).read_text(encoding="utf-8").splitlines()
    return []
