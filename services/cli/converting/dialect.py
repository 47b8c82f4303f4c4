"""What is known of the source of some messages: maps with overlays, code maps, zone, authority, profile.

Either a mesh document says it (`--config FILE --source NAME`), as transform reads it; or the options do,
for somebody who works on an overlay or has no mesh. An option goes before the document.
"""

import functools
import hashlib
import pathlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from plexus.errors import ConfigurationError
from services.transform.domain import (
    PREVIEW,
    CodeMap,
    Coder,
    Maps,
    Profile,
    SourceContext,
    load_maps,
    read_code_map,
    read_overlay,
)
from services.transform.flow import read_agreed
from services.transform.settings import load_profile

__all__ = ["Dialect", "dialect_options"]

_File = click.Path(exists=True, dir_okay=False, path_type=pathlib.Path)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is known of a source.

    Attributes:
        maps: with what its overlays change.
        coder: of its code maps.
        usual: context of its messages, but for their id.
    """

    maps: Maps
    coder: Coder
    usual: SourceContext

    def context(self, content: bytes) -> SourceContext:
        """Context of a message; its id follows from its content, so the same bytes give the same event."""
        usual = self.usual
        return SourceContext(
            tenant=usual.tenant,
            source=usual.source,
            message_id=hashlib.sha256(content).hexdigest()[:32],
            time_zone=usual.time_zone,
            default_authority=usual.default_authority,
            charset=usual.charset,
            coder=self.coder,
            profile=usual.profile,
        )


def dialect_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say what is known of the source; the command gets a `dialect`."""

    @functools.wraps(command)
    def with_dialect(
        *args: Any,
        config: pathlib.Path | None,
        tenant: str,
        source: str,
        overlays: tuple[pathlib.Path, ...],
        code_maps: tuple[pathlib.Path, ...],
        zone: str,
        authority: str,
        charset: str,
        profile: pathlib.Path | None,
        **kwargs: Any,
    ) -> Any:
        told = _Told(overlays, code_maps, zone, authority, charset, profile)
        return command(*args, dialect=_dialect(config, tenant, source, told), **kwargs)

    for option in reversed(_OPTIONS):
        with_dialect = option(with_dialect)
    return with_dialect


_OPTIONS: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
    click.option(
        "--config",
        type=_File,
        help="A mesh document (plexus.yaml): take what it says of --source.",
    ),
    click.option("--source", default="", help="The source that has sent it, as feeds refer to it."),
    click.option(
        "--tenant", default="", help="Whose source it is, where two have one of that name."
    ),
    click.option(
        "--overlay",
        "overlays",
        multiple=True,
        type=_File,
        help="A file that changes the maps (docs/maps.md). Repeatable: laid in this order.",
    ),
    click.option(
        "--code-map",
        "code_maps",
        multiple=True,
        type=_File,
        help="A file that says what local codes mean (plexus terms map). Repeatable.",
    ),
    click.option("--zone", default="", help="Zone of times without one, as Europe/Vienna."),
    click.option(
        "--authority",
        default="",
        help="Who assigns identifiers that name nobody: NAMESPACE or NAMESPACE&ID&TYPE.",
    ),
    click.option("--charset", default="", help="For messages that declare none, as 8859/1."),
    click.option("--profile", type=_File, help="A partner's profile; see plexus lint."),
)


@dataclass(frozen=True, slots=True)
class _Told:
    overlays: tuple[pathlib.Path, ...]
    code_maps: tuple[pathlib.Path, ...]
    zone: str
    authority: str
    charset: str
    profile: pathlib.Path | None


def _dialect(config: pathlib.Path | None, tenant: str, source: str, told: _Told) -> Dialect:
    owner = (tenant or PREVIEW, source or PREVIEW)
    code_maps: list[CodeMap] = []
    profile: Profile | None = None
    zone = authority = ""
    if config is None:
        maps = load_maps([read_overlay(path) for path in told.overlays])
    else:
        if told.overlays:
            raise click.UsageError(
                "--overlay is for messages without --config; name it in the document"
            )
        agreed = read_agreed(config)
        owners = [each for each in agreed.sources if each[1] == source and tenant in {"", each[0]}]
        if len(owners) != 1:
            known = ", ".join(sorted({f"{name} of {whose}" for whose, name in agreed.sources}))
            which = "is no source" if not owners else "is a source of several tenants: say --tenant"
            raise ConfigurationError(
                f"{config}: {source or 'nothing'} {which}; there are: {known or 'none'}"
            )
        owner = owners[0]
        maps = agreed.maps.of(*owner)
        code_maps = list(agreed.code_maps.get(owner, ()))
        profile = agreed.profiles.get(owner)
        zone, authority = agreed.sources[owner].time_zone, agreed.sources[owner].default_authority
    code_maps += [read_code_map(path) for path in told.code_maps]
    if told.profile is not None:
        profile = load_profile(told.profile)
    usual = SourceContext(
        *owner,
        PREVIEW,
        time_zone=told.zone or zone,
        default_authority=told.authority or authority,
        charset=told.charset,
        profile=profile,
    )
    return Dialect(maps, Coder(maps.version, owner, code_maps), usual)
