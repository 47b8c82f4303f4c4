"""`plexus identity dedupe`: persons of a tenant that are kept apart and may be one."""

from typing import Any, Final

import click

from plexus.api.identity.v1 import identity_pb2 as pb
from plexus.api.identity.v1 import identity_pb2_grpc
from plexus.errors import InvalidRequest
from services.cli.evaluating.progress import Progress
from services.cli.evaluating.workers import runner
from services.cli.mesh import Mesh, data_option, load_mesh, run_async
from services.cli.telling import count, echo_json, json_option, table
from services.identity.domain.duplicates import Duplicate, duplicates
from services.identity.domain.normalisation import Features
from services.identity.domain.scoring import DEFAULT_THRESHOLDS, Grade, Thresholds, shipped_model
from services.identity.domain.training import LEAST_RECORDS, train

__all__ = ["dedupe"]

_SECONDS: Final = 30.0
_PAGE: Final = 1000
_MOST_TRAINED: Final = 60_000


@click.command("dedupe")
@click.argument("tenant")
@data_option
@click.option(
    "--records",
    "most",
    type=click.IntRange(1, 5_000_000),
    default=1_000_000,
    show_default=True,
    help="Look at so many source records at most, the oldest first.",
)
@click.option(
    "--match-bits", default=DEFAULT_THRESHOLDS.match, show_default=True, help="As in plexus.yaml."
)
@click.option(
    "--review-bits", default=DEFAULT_THRESHOLDS.review, show_default=True, help="As in plexus.yaml."
)
@click.option(
    "--seed", default=1, show_default=True, help="The same seed and records give the same weights."
)
@click.option(
    "--show", type=click.IntRange(0, 100_000), default=20, show_default=True, help="Pairs to list."
)
@json_option
def dedupe(
    tenant: str,
    data: Any,
    most: int,
    match_bits: float,
    review_bits: float,
    seed: int,
    show: int,
    as_json: bool,
) -> None:
    """Find persons of TENANT that may be one, by all source records at once.

    Only tells, and changes nothing: pairs of persons with the score of the records that agree best. The
    weights are found in the records, as `train` does; with too few records they are those that ship.
    """
    if review_bits > match_bits:
        raise InvalidRequest("--review-bits must not be above --match-bits")
    progress = Progress()
    records, persons = run_async(_read(load_mesh(data), tenant, most, progress))
    run = runner(len(records))
    if len(records) >= LEAST_RECORDS:
        model = train(records[:: -(-len(records) // _MOST_TRAINED)], seed, progress, run=run)
    else:
        model = shipped_model().for_population(len(records))
    progress.count("comparing records", len(records))
    found = duplicates(records, persons, model, Thresholds(match_bits, review_bits), run)
    progress.end()
    if as_json:
        echo_json(_as_dict(found, len(records), show))
        return
    surely = sum(each.verdict.grade is Grade.MATCH for each in found)
    click.echo(
        f"{count(len(records), 'record')} of {count(len(set(persons)), 'person')}:"
        f" {count(len(found), 'pair')} of persons may be one, {surely:,} of them surely enough to be linked."
    )
    if found and show:
        rows = [
            [each.person_id, each.other_person, f"{each.verdict.bits:+.1f}", _why(each)]
            for each in found[:show]
        ]
        click.echo(table(["PERSON", "OTHER", "BITS", "MOST OF IT"], rows, right={"BITS"}))


def _why(found: Duplicate) -> str:
    rows = sorted(found.verdict.rows, key=lambda row: -row.bits)[:3]
    return "; ".join(f"{row.what} {row.level}" for row in rows if row.bits > 0)


def _as_dict(found: list[Duplicate], records: int, show: int) -> dict[str, Any]:
    return {
        "records": records,
        "pairs": len(found),
        "duplicates": [
            {"person_id": each.person_id, "other_person": each.other_person}
            | each.verdict.to_json()
            for each in found[:show]
        ],
    }


async def _read(
    mesh: Mesh, tenant: str, most: int, progress: Progress
) -> tuple[list[Features], list[str]]:
    records: list[Features] = []
    persons: list[str] = []
    last = 0
    async with mesh.peer("identity") as peer:
        stub: Any = identity_pb2_grpc.IdentityServiceStub(peer.channel)
        while len(records) < most:
            limit = min(_PAGE, most - len(records))
            request = pb.ListFeaturesRequest(tenant=tenant, after=last, limit=limit)
            page = await peer.ask(stub.ListFeatures, request, deadline_seconds=_SECONDS)
            records += map(Features.from_text, page.features)
            persons += page.person_ids
            progress.count("reading records", len(records))
            last = page.last
            if not last:
                break
    return records, persons
