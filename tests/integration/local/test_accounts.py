"""Which folder stands in the way of a user, by its mode and the user's class alone."""

import os
import pathlib

import pytest

from plexus.errors import ConfigurationError
from plexus.local.accounts import Account, obstacle, server_account

STRANGER = Account("stranger", 54_321, 54_321)


@pytest.fixture
def tree(server_folder: pathlib.Path) -> pathlib.Path:
    """<server_folder>/above/inside, open to all."""
    inside = server_folder / "above" / "inside"
    inside.mkdir(parents=True)
    for folder in (server_folder, inside.parent, inside):
        folder.chmod(0o755)
    return inside


def test_nothing_stands_before_an_open_tree(tree: pathlib.Path) -> None:
    assert obstacle(STRANGER, tree) is None


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o744, 0o771 & ~0o001])
def test_a_closed_folder_above_is_the_obstacle(tree: pathlib.Path, mode: int) -> None:
    tree.parent.chmod(mode)
    assert obstacle(STRANGER, tree) == tree.parent


def test_passing_through_is_enough_above_but_not_at_the_end(tree: pathlib.Path) -> None:
    tree.parent.chmod(0o711)
    assert obstacle(STRANGER, tree) is None
    tree.chmod(0o711)
    assert obstacle(STRANGER, tree) == tree
    assert obstacle(STRANGER, tree, os.X_OK) is None


def test_a_link_is_followed_to_what_it_names(
    tree: pathlib.Path, server_folder: pathlib.Path
) -> None:
    link = server_folder / "link"
    link.symlink_to(tree)
    tree.parent.chmod(0o700)
    assert obstacle(STRANGER, link) == tree.parent


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_class_that_applies_decides_alone(tree: pathlib.Path) -> None:
    os.chown(tree, STRANGER.uid, 0)
    tree.chmod(0o077)  # its owner is the one who may not
    assert obstacle(STRANGER, tree) == tree
    os.chown(tree, 0, STRANGER.gid)
    tree.chmod(0o707)
    assert obstacle(STRANGER, tree) == tree
    tree.chmod(0o750)
    assert obstacle(STRANGER, tree) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="is about a normal user")
def test_a_normal_user_runs_the_server_itself() -> None:
    assert server_account({}) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root names another user")
def test_root_names_a_user_who_exists_and_is_not_root() -> None:
    by_default = server_account({})
    assert by_default is not None
    assert by_default.name == "nobody"
    for name in ("root", "no-such-user"):
        with pytest.raises(ConfigurationError, match="PLEXUS_POSTGRES_USER"):
            server_account({"PLEXUS_POSTGRES_USER": name})
