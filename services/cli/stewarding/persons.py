"""`plexus identity match|xref|merge|split|link|unlink|explain|watch`: ask about persons, and decide on them."""

import sys
from typing import Any, Final

import click

from plexus.api.canonical.v1.datatypes_pb2 import (
    Address,
    Authority,
    HumanName,
    Identifier,
    Telecom,
)
from plexus.api.canonical.v1.resources_pb2 import Person
from plexus.api.identity.v1 import identity_pb2 as pb
from plexus.api.identity.v1 import identity_pb2_grpc, stewardship_pb2
from services.cli.mesh import Mesh, data_option, load_mesh, run_async
from services.cli.stewarding.asking import (
    ask_identity,
    ask_stewardship,
    reason_option,
    steward_option,
)
from services.cli.telling import as_dict, echo_json, json_option, moment, plain, table

__all__ = ["COMMANDS"]

_DONE: Final = frozenset({"merged", "linked", "unlinked", "split", "proposed", "already_one"})
_NOTICE: Final = ("seq", "kind", "from_person_id", "to_person_id", "message_id")


class _Identifier(click.ParamType[Identifier]):
    name = "authority:value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Identifier:
        authority, colon, number = str(value).rpartition(":")
        if not (authority and colon and number):
            self.fail("as AUTHORITY:VALUE", param, ctx)
        return Identifier(
            value=number, authority=Authority(universal_id=authority, namespace=authority)
        )


@click.command("match")
@click.argument("tenant")
@click.option("--family", default="")
@click.option("--given", default="")
@click.option("--born", default="", help="Birth date, as 1980-02-13.")
@click.option("--sex", default="", help="male or female.")
@click.option("--street", default="", help="House number and street.")
@click.option("--city", default="")
@click.option("--postal-code", default="")
@click.option("--phone", default="")
@click.option("--id", "identifiers", type=_Identifier(), multiple=True, help="AUTHORITY:VALUE.")
@click.option("--only-certain", is_flag=True, help="Only a certain match, and none if several are.")
@click.option(
    "--certainly-not", is_flag=True, help="Also who has something in common, and no more."
)
@click.option("--count", default=10, type=click.IntRange(1, 100), show_default=True)
@steward_option
@data_option
@json_option
def match(
    tenant: str,
    family: str,
    given: str,
    born: str,
    sex: str,
    street: str,
    city: str,
    postal_code: str,
    phone: str,
    identifiers: tuple[Identifier, ...],
    only_certain: bool,
    certainly_not: bool,
    count: int,
    steward: str,
    data: Any,
    as_json: bool,
) -> None:
    """Find persons of TENANT by what is said of somebody; write nothing."""
    person = Person(birth_date=born, gender=sex, identifiers=identifiers)
    if family or given:
        person.names.append(HumanName(family=family, given=given.split()))
    if street or city or postal_code:
        line = [street] if street else []
        person.addresses.append(Address(line=line, city=city, postal_code=postal_code))
    if phone:
        person.telecoms.append(Telecom(system="phone", value=phone))
    request = pb.MatchRequest(
        tenant=tenant,
        person=person,
        only_certain_matches=only_certain,
        includes_certainly_not=certainly_not,
        count=count,
        reader=steward,
    )
    answer = ask_identity(load_mesh(data), "Match", request)
    if as_json:
        echo_json(as_dict(answer))
        return
    if not answer.matches:
        click.echo("Nobody.")
        return
    rows = [
        [
            each.person_id,
            pb.MatchGrade.Name(each.grade).removeprefix("MATCH_GRADE_").lower().replace("_", "-"),
            f"{each.bits:+.1f}",
            f"{each.score:.4f}",
            ", ".join(f"{row.what} {row.bits:+.1f}" for row in each.rows if row.bits)
            or ", ".join(row.what for row in each.rows),
        ]
        for each in answer.matches
    ]
    click.echo(table(["PERSON", "GRADE", "BITS", "SCORE", "WHY"], rows, right={"BITS", "SCORE"}))
    if answer.truncated:
        click.echo("There are more: see --count")


@click.command("xref")
@click.argument("tenant")
@click.argument("identifier", type=_Identifier(), required=False)
@click.option("--person", "person_id", default="", help="Instead of an identifier.")
@click.option("--authority", "authorities", multiple=True, help="Only identifiers of this one.")
@steward_option
@data_option
@json_option
def xref(
    tenant: str,
    identifier: Identifier | None,
    person_id: str,
    authorities: tuple[str, ...],
    steward: str,
    data: Any,
    as_json: bool,
) -> None:
    """List the identifiers of the person behind IDENTIFIER (AUTHORITY:VALUE) of TENANT."""
    request = pb.GetCrossReferencesRequest(
        tenant=tenant,
        identifier=identifier,
        person_id=person_id,
        authorities=authorities,
        reader=steward,
    )
    answer = ask_identity(load_mesh(data), "GetCrossReferences", request)
    if as_json:
        echo_json(as_dict(answer))
    elif not answer.person_id:
        click.echo("Nobody is known by it.")
        sys.exit(1)
    else:
        click.echo(f"Person {answer.person_id}")
        rows = [[plain(e.authority), plain(e.value), plain(e.source)] for e in answer.identifiers]
        click.echo(table(["AUTHORITY", "VALUE", "BROUGHT BY"], rows))


@click.command("merge")
@click.argument("tenant")
@click.argument("survivor")
@click.argument("person")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@reason_option
@steward_option
@data_option
def merge(
    tenant: str, survivor: str, person: str, dry_run: bool, reason: str, steward: str, data: Any
) -> None:
    """Make one person of two: PERSON goes under SURVIVOR. `split` takes it back."""
    request = stewardship_pb2.MergeRequest(
        tenant=tenant,
        survivor_id=survivor,
        person_id=person,
        reason=reason,
        steward=steward,
        is_dry_run=dry_run,
    )
    _tell(ask_stewardship(load_mesh(data), "Merge", request).result, is_dry_run=dry_run)


@click.command("link")
@click.argument("tenant")
@click.argument("person")
@click.argument("other")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@reason_option
@steward_option
@data_option
def link(
    tenant: str, person: str, other: str, dry_run: bool, reason: str, steward: str, data: Any
) -> None:
    """Say that PERSON and OTHER are one human being, whose records stay apart."""
    request = stewardship_pb2.LinkRequest(
        tenant=tenant,
        person_id=person,
        other_person_id=other,
        reason=reason,
        steward=steward,
        is_dry_run=dry_run,
    )
    _tell(ask_stewardship(load_mesh(data), "Link", request).result, is_dry_run=dry_run)


@click.command("unlink")
@click.argument("tenant")
@click.argument("person")
@click.argument("other")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@reason_option
@steward_option
@data_option
def unlink(
    tenant: str, person: str, other: str, dry_run: bool, reason: str, steward: str, data: Any
) -> None:
    """Say that PERSON and OTHER are two, whatever was said before; they are not raised again."""
    request = stewardship_pb2.UnlinkRequest(
        tenant=tenant,
        person_id=person,
        other_person_id=other,
        reason=reason,
        steward=steward,
        is_dry_run=dry_run,
    )
    _tell(ask_stewardship(load_mesh(data), "Unlink", request).result, is_dry_run=dry_run)


@click.command("split")
@click.argument("tenant")
@click.argument("person")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@reason_option
@steward_option
@data_option
@json_option
def split(
    tenant: str, person: str, dry_run: bool, reason: str, steward: str, data: Any, as_json: bool
) -> None:
    """Take a merge back: PERSON, who went under, stands again with identifiers and data."""
    request = stewardship_pb2.SplitRequest(
        tenant=tenant, person_id=person, reason=reason, steward=steward, is_dry_run=dry_run
    )
    answer = ask_stewardship(load_mesh(data), "Split", request)
    if as_json:
        echo_json(as_dict(answer))
        sys.exit(0 if answer.result.outcome in _DONE else 1)
    rows = [
        [
            plain(each.authority),
            plain(each.value),
            "goes back" if each.goes_back else "stays",
            "came after the merge" if each.is_newer else "",
        ]
        for each in answer.identifiers
    ]
    if rows:
        click.echo(table(["AUTHORITY", "VALUE", "WHERE", ""], rows))
    if answer.result.outcome == "not_direct":
        click.echo("The person it went under has gone under, too: split that one first.")
    _tell(answer.result, is_dry_run=dry_run)


@click.command("explain")
@click.argument("tenant")
@click.argument("person")
@click.option("--limit", default=100, type=click.IntRange(1, 1000), show_default=True)
@steward_option
@data_option
@json_option
def explain(tenant: str, person: str, limit: int, steward: str, data: Any, as_json: bool) -> None:
    """Tell why each identifier leads to PERSON: every change, and the waterfall of each score."""
    request = pb.ExplainRequest(tenant=tenant, person_id=person, limit=limit, reader=steward)
    answer = ask_identity(load_mesh(data), "Explain", request)
    if as_json:
        echo_json(as_dict(answer))
        return
    click.echo(f"Person {answer.person_id}")
    for each in answer.changes:
        at = moment(each.at)
        who = f" by {plain(each.steward)}: {plain(each.reason)}" if each.steward else ""
        score = f", {each.bits:+.2f} bits" if each.HasField("bits") else ""
        name = f"{plain(each.authority)} {plain(each.value)}"
        click.echo(f"{each.seq} {at:%Y-%m-%d %H:%M} {each.kind} {name}{score}{who}")
        for row in each.rows:
            click.echo(f"    {row.bits:+8.2f}  {row.what}  {row.level}".rstrip())


@click.command("watch")
@click.argument("tenant")
@click.option("--after", default=0, help="Go on behind this seq; 0 for all from the beginning.")
@data_option
def watch(tenant: str, after: int, data: Any) -> None:
    """Print changes of links of TENANT as they come, one JSON text a line, until Ctrl-C."""
    run_async(_watched(load_mesh(data), tenant, after))


async def _watched(mesh: Mesh, tenant: str, after: int) -> None:
    async with mesh.peer("identity") as peer:
        method = identity_pb2_grpc.IdentityServiceStub(peer.channel).WatchChanges
        request = pb.WatchChangesRequest(tenant=tenant, after_seq=after)
        async for change in peer.listen(method, request):
            told = {name: getattr(change, name) for name in _NOTICE}
            echo_json(told | {"at": str(moment(change.at))}, compact=True)


def _tell(result: stewardship_pb2.OrderResult, *, is_dry_run: bool) -> None:
    would = "Would be " if is_dry_run else ""
    records = f", {result.records:,} source records" if result.records else ""
    review = f"; review {result.review_id} asks a second steward" if result.review_id else ""
    message = f" by message {result.message_id}" if result.message_id else ""
    click.echo(f"{would}{result.outcome.replace('_', ' ')}{message}{records}{review}")
    if result.outcome not in _DONE:
        sys.exit(1)


COMMANDS: Final = (match, xref, merge, split, link, unlink, explain, watch)
