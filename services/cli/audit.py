"""`plexus audit`: the audit log and the tree over it."""

import pathlib
import secrets
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from plexus.api.audit.v1 import audit_pb2, audit_pb2_grpc
from plexus.errors import ConfigurationError
from plexus.local.data_folder import write_private
from plexus.rpc import Peer
from services.audit.actors import Signers
from services.audit.domain.notes import VerifyingKey
from services.audit.domain.tree import root_of
from services.audit.domain.verification import Verification
from services.audit.edge.anchors import file_name
from services.audit.settings import AuditSettings, read_seeds
from services.cli.auditing.asking import ask_audit, tenant_of
from services.cli.auditing.lines import lines_of
from services.cli.auditing.proofs import document_of, flaw_in
from services.cli.auditing.questions import disclosures, export, query
from services.cli.auditing.sources import SECONDS, read_keys, verify_file, verify_mesh
from services.cli.mesh import data_option, load_mesh, operator
from services.cli.telling import echo_json, json_option, paint, table

__all__ = ["command"]

_ORIGIN: Final = AuditSettings.model_fields["audit_origin"].get_default()
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=pathlib.Path)

tenant_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--tenant", default="", help="Whose log; needed where the mesh has more than one tenant."
)
keys_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--keys",
    type=_FILE,
    help="File with the public keys that you know, one on a line. Without it the keys are believed"
    " that the log tells itself, which a forger could tell too.",
)


@click.group()
def command() -> None:
    """Questions to the audit log, its proofs, and whether it was changed."""


@command.command("root")
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=pathlib.Path)
)
def root(file: pathlib.Path) -> None:
    """Print the RFC 6962 root, in hex, over the lines of FILE (- is standard input).

    Each line is a leaf, without the line feed that ends it. A last line feed makes no empty leaf more; a
    carriage return belongs to its line. An empty file has the root of the empty tree.
    """
    if str(file) == "-":
        click.echo(root_of(lines_of(sys.stdin.buffer)).hex())
        return
    with file.open("rb") as opened:
        click.echo(root_of(lines_of(opened)).hex())


@command.command("keygen")
@click.argument("file", type=click.Path(dir_okay=False, path_type=pathlib.Path))
def keygen(file: pathlib.Path) -> None:
    """Write a new secret key for PLEXUS_AUDIT_KEY_FILE to FILE, which must not exist yet."""
    if file.exists():
        raise ConfigurationError(f"{file} exists already: a key is never written over")
    write_private(file, secrets.token_hex(32) + "\n")
    click.echo(f"wrote {file}; see its public half: plexus audit key {file} --tenant NAME")


@command.command("key")
@click.argument("file", type=_FILE)
@click.option("--tenant", required=True, help="Whose log.")
@click.option("--origin", default=_ORIGIN, show_default=True, help="PLEXUS_AUDIT_ORIGIN.")
def key(file: pathlib.Path, tenant: str, origin: str) -> None:
    """Print the public halves of the keys in FILE, as auditors of a tenant's log want them."""
    settings = AuditSettings(audit_key_file=file, audit_origin=origin)
    for one in Signers(settings.audit_origin, read_seeds(settings)).keys(tenant):
        click.echo(str(one))


@command.command("checkpoint")
@tenant_option
@data_option
def checkpoint(tenant: str, data: pathlib.Path) -> None:
    """Print the latest signed checkpoint of a log, to be kept elsewhere."""
    mesh = load_mesh(data)
    tenant = tenant_of(mesh, tenant)

    async def ask(peer: Peer) -> str:
        answer = await peer.ask(
            audit_pb2_grpc.AuditServiceStub(peer.channel).GetCheckpoint,
            audit_pb2.GetCheckpointRequest(tenant=tenant),
            deadline_seconds=SECONDS,
        )
        return answer.checkpoint.note

    click.echo(ask_audit(mesh, ask), nl=False)


@command.command("prove")
@click.argument("event_id", metavar="EVENT")
@keys_option
@data_option
def prove(event_id: str, keys: pathlib.Path | None, data: pathlib.Path) -> None:
    """Print a proof that EVENT (its id) is in the log, as JSON that stands for itself.

    `docs/verify_audit.py proof FILE KEY` verifies it anywhere. Exit code 1: it does not hold.
    """

    async def ask(peer: Peer) -> tuple[audit_pb2.ProveEventResponse, list[str]]:
        stub = audit_pb2_grpc.AuditServiceStub(peer.channel)
        request = audit_pb2.ProveEventRequest(event_id=event_id, reader=operator())
        proven = await peer.ask(stub.ProveEvent, request, deadline_seconds=SECONDS)
        told = await peer.ask(
            stub.GetCheckpoint,
            audit_pb2.GetCheckpointRequest(tenant=proven.tenant),
            deadline_seconds=SECONDS,
        )
        return proven, list(told.keys)

    answer, told = ask_audit(load_mesh(data), ask)
    known = read_keys(keys) if keys else [VerifyingKey.parse(text) for text in told]
    click.echo(document_of(answer, known))
    if flaw := flaw_in(answer, known):
        click.echo(f"The proof does not hold: {flaw}", err=True)
        sys.exit(1)


@command.command("verify")
@tenant_option
@keys_option
@click.option(
    "--checkpoint",
    "checkpoints",
    type=_FILE,
    multiple=True,
    help="A checkpoint that was kept elsewhere; the log must agree with it. May be repeated.",
)
@click.option("--offline", type=_FILE, help="Verify an exported log, without a mesh.")
@data_option
@json_option
def verify(
    tenant: str,
    keys: pathlib.Path | None,
    checkpoints: Sequence[pathlib.Path],
    offline: pathlib.Path | None,
    data: pathlib.Path,
    as_json: bool,
) -> None:
    """Go through a whole log, and name what was changed, removed, swapped or cut off.

    Events, their hashes, the tiles and all signed checkpoints are held against each other, and against
    checkpoints from elsewhere: those named by --checkpoint, and the one that `plexus up` keeps in its data
    folder. Exit code 1: something does not fit.
    """
    known = read_keys(keys) if keys else []
    notes = [(path.read_text(encoding="utf-8"), str(path)) for path in checkpoints]
    if offline:
        found, trusted = verify_file(offline, known, notes)
    else:
        mesh = load_mesh(data)
        tenant = tenant_of(mesh, tenant)
        kept = data / "checkpoints" / f"{file_name(tenant)}.checkpoint"
        if kept.exists():
            notes.append((kept.read_text(encoding="utf-8"), str(kept)))

        async def ask(peer: Peer) -> tuple[Verification, list[VerifyingKey]]:
            return await verify_mesh(peer, tenant, known, notes, operator())

        found, trusted = ask_audit(mesh, ask)
    if as_json:
        echo_json(_as_json(found))
    else:
        click.echo(_as_text(found))
        if not known:
            names = "\n  ".join(str(one) for one in trusted)
            click.echo(f"Believed the keys that the log tells itself:\n  {names or 'none'}")
    if found.findings:
        sys.exit(1)


def _as_json(found: Verification) -> dict[str, Any]:
    return {
        "leaves": found.size,
        "checkpoints": found.checkpoints,
        "findings": [
            {
                "fault": one.fault.value,
                "sequence": one.sequence,
                "event_id": one.event_id,
                "words": one.words,
            }
            for one in found.findings
        ],
    }


def _as_text(found: Verification) -> str:
    gone_through = f"{found.size:,} events, {found.checkpoints:,} signed checkpoints"
    if not found.findings:
        return paint(f"nothing was changed: {gone_through}", "green")
    rows = [
        [
            one.fault.value,
            "" if one.sequence is None else f"{one.sequence:,}",
            one.event_id,
            one.words,
        ]
        for one in found.findings
    ]
    findings = table(["FAULT", "SEQUENCE", "EVENT", "WHAT"], rows, right={"SEQUENCE"})
    return f"{findings}\n{paint(f'{len(rows):,} findings', 'red')} in {gone_through}"


for _command in (query, disclosures, export):
    command.add_command(_command)
