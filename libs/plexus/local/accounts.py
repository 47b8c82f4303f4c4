"""The account that PostgreSQL runs under, and what that account can reach.

PostgreSQL refuses to run as root. Where we are root we start it as an account without rights; it
then has to get to its programs and to its data through every folder above them. This module
answers whether it can, and which folder is in the way. It changes no folder's permissions: opening
/root for a test database would be a poor trade.
"""

import dataclasses
import os
import pathlib
import pwd
import stat
from collections.abc import Mapping

from plexus.errors import ConfigurationError

__all__ = ["Account", "obstacle", "server_account"]

USER_SETTING = "PLEXUS_POSTGRES_USER"
_USER_BY_DEFAULT = "nobody"


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """A user without rights. It is a member of its first group and of no other."""

    name: str
    uid: int
    gid: int

    def may(self, found: os.stat_result, wanted: int) -> bool:
        """Whether the mode allows it, by the class that applies to this account.

        Args:
            found: of the file or folder.
            wanted: of `os.R_OK`, `os.W_OK`, `os.X_OK`.
        """
        if found.st_uid == self.uid:
            shift = 6
        elif found.st_gid == self.gid:
            shift = 3
        else:
            shift = 0
        return (found.st_mode >> shift) & wanted == wanted


def server_account(environment: Mapping[str, str]) -> Account | None:
    """Who PostgreSQL runs as: None is us, for we are not root.

    As root it is `nobody`, or whom PLEXUS_POSTGRES_USER names.

    Raises:
        ConfigurationError: that user does not exist, or is root.
    """
    if os.geteuid() != 0:
        return None
    name = environment.get(USER_SETTING) or _USER_BY_DEFAULT
    try:
        entry = pwd.getpwnam(name)
    except KeyError as exc:
        raise ConfigurationError(
            f"PostgreSQL cannot run as root and there is no user {name!r}: set {USER_SETTING} to "
            "a user without rights, or run as a normal user"
        ) from exc
    if entry.pw_uid == 0:
        raise ConfigurationError(f"{USER_SETTING} names root; PostgreSQL refuses to run as root")
    return Account(name, entry.pw_uid, entry.pw_gid)


def obstacle(account: Account, path: pathlib.Path, wanted: int = os.R_OK) -> pathlib.Path | None:
    """The first thing on the way to `path` that stops `account`; None where it can get there.

    Every folder above has to be traversable, and the end has to allow what is `wanted` (for a
    folder, entering it as well). Access control lists are not looked at: a folder that opens
    itself only by one counts as closed.
    """
    path = path.resolve()
    for folder in reversed(path.parents):
        if not account.may(folder.stat(), os.X_OK):
            return folder
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        wanted |= os.X_OK
    return None if account.may(found, wanted) else path
