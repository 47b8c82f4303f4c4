"""`plexus identity`: how people are matched, and how well.

Training works here, not in the service: identity hands out the features page by page and stores the
model that comes of them.
"""

from typing import Any, Final

import click

from plexus.api.identity.v1 import identity_pb2 as pb
from plexus.api.identity.v1 import identity_pb2_grpc
from plexus.errors import InvalidRequest
from plexus.rpc import Peer
from services.cli.evaluating.command import evaluate
from services.cli.evaluating.deduping import dedupe
from services.cli.evaluating.generating import generate
from services.cli.evaluating.progress import Progress
from services.cli.mesh import Mesh, data_option, load_mesh, run_async
from services.cli.stewarding.persons import COMMANDS
from services.cli.stewarding.reviews import report, reviews
from services.cli.telling import echo_json, json_option, table
from services.identity.domain.normalisation import Features
from services.identity.domain.scoring import Model
from services.identity.domain.training import LEAST_RECORDS, train

__all__ = ["command"]

_SECONDS: Final = 30.0
_PAGE: Final = 1000


@click.group()
def command() -> None:
    """Work off reviews; measure how well people are matched, and train the weights by which they are."""


command.add_command(dedupe)
command.add_command(evaluate)
command.add_command(generate)
command.add_command(report)
command.add_command(reviews)
for each in COMMANDS:
    command.add_command(each)


@command.command("train")
@click.argument("tenant")
@data_option
@click.option(
    "--records",
    "most",
    type=click.IntRange(LEAST_RECORDS, 1_000_000),
    default=60_000,
    show_default=True,
    help="At most so many source records, the oldest first; 60,000 are enough for a million people.",
)
@click.option(
    "--seed", default=1, show_default=True, help="The same seed and records give the same model."
)
@click.option(
    "--store/--no-store",
    default=True,
    help="Store the model, to be used from the next start of identity.",
)
@json_option
def _train(tenant: str, data: Any, most: int, seed: int, store: bool, as_json: bool) -> None:
    """Train a model on the source records of TENANT.

    Nobody has to label anything. The model is stored as a version and scores from the next start of
    identity on; links that were made before stay.
    """
    progress = Progress()
    model = run_async(_trained(load_mesh(data), tenant, most, seed, progress, is_stored=store))
    progress.end()
    told = {
        "tenant": tenant,
        "version": model.version,
        "records": model.trained_on,
        "seed": seed,
        "stored": store,
        "one_person_prior_bits": round(model.same_prior_bits, 2),
        "household_prior_bits": round(model.household_prior_bits, 2),
        "common_family_names": len(model.families),
        "common_given_names": len(model.givens),
    }
    if as_json:
        echo_json(told)
        return
    click.echo(f"Model {model.version} of {model.trained_on:,} records of {tenant}.")
    if store:
        click.echo("Stored. It scores from the next start of identity on.")


@command.command("models")
@click.argument("tenant")
@data_option
@json_option
def _models(tenant: str, data: Any, as_json: bool) -> None:
    """List the trained models of TENANT, the newest first."""
    found = run_async(_versions(load_mesh(data), tenant))
    if as_json:
        echo_json([
            {"version": each.version, "records": each.trained_on, "active": each.is_active}
            for each in found
        ])  # fmt: skip
    elif not found:
        click.echo(f"{tenant} has trained no model: the shipped one scores.")
    else:
        rows = [
            [each.version, f"{each.trained_on:,}", "yes" if each.is_active else ""]
            for each in found
        ]
        click.echo(table(["VERSION", "RECORDS", "ACTIVE"], rows, right=["RECORDS"]))


async def _trained(
    mesh: Mesh, tenant: str, most: int, seed: int, progress: Progress, *, is_stored: bool
) -> Model:
    async with mesh.peer("identity") as peer:
        records = await _features(peer, tenant, most, progress)
        try:
            model = train(records, seed, progress)
        except ValueError as exc:
            raise InvalidRequest(f"{tenant}: {exc}") from exc
        if is_stored:
            stub: Any = identity_pb2_grpc.IdentityServiceStub(peer.channel)
            request = pb.PutModelRequest(tenant=tenant, content=model.to_text(), is_active=True)
            await peer.ask(stub.PutModel, request, deadline_seconds=_SECONDS)
    return model


async def _features(peer: Peer, tenant: str, most: int, progress: Progress) -> list[Features]:
    stub: Any = identity_pb2_grpc.IdentityServiceStub(peer.channel)
    found: list[Features] = []
    last = 0
    while len(found) < most:
        limit = min(_PAGE, most - len(found))
        request = pb.ListFeaturesRequest(tenant=tenant, after=last, limit=limit)
        page = await peer.ask(stub.ListFeatures, request, deadline_seconds=_SECONDS)
        found += map(Features.from_text, page.features)
        progress("reading records", len(found) / most)
        last = page.last
        if not last:
            break
    return found


async def _versions(mesh: Mesh, tenant: str) -> list[pb.ModelVersion]:
    async with mesh.peer("identity") as peer:
        stub: Any = identity_pb2_grpc.IdentityServiceStub(peer.channel)
        request = pb.ListModelsRequest(tenant=tenant)
        answer = await peer.ask(stub.ListModels, request, deadline_seconds=_SECONDS)
    return list(answer.models)
