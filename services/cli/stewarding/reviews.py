"""`plexus identity reviews`: the queue of pairs that may be one person."""

import collections
import datetime
import re
import sys
from typing import Any, Final

import click

from plexus.api.identity.v1 import stewardship_pb2 as pb
from services.cli.mesh import data_option, load_mesh
from services.cli.stewarding.asking import ask_stewardship, reason_option, steward_option
from services.cli.telling import ago, as_dict, count, echo_json, json_option, moment, plain, table

__all__ = ["report", "reviews"]

_VERDICTS: Final = {
    "same": pb.VERDICT_SAME,
    "different": pb.VERDICT_DIFFERENT,
    "skip": pb.VERDICT_SKIP,
}
_WORDS: Final = {
    "merged": "merged; the message carries it through the mesh",
    "different": "kept apart, for good while the records say the same",
    "skipped": "skipped; it is at the end of the queue",
    "proposed": "proposed; a second steward has to agree",
    "already_one": "already one person; closed",
    "already_decided": "already decided",
    "second_steward_needed": "proposed by you: another steward has to agree",
    "pending": "a decision about one of the two is on its way; try again in a moment",
    "nobody_left": "one of the two has no identifiers any more",
    "not_found": "there is no such review",
}
_DONE: Final = frozenset({"merged", "different", "skipped", "proposed", "already_one"})
_AGE: Final = re.compile(r"(\d{1,6})([mhd])")
_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400}
_PAGE: Final = 1000


class _Age(click.ParamType[int]):
    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = _AGE.fullmatch(str(value))
        if found is None:
            self.fail("as 30m, 12h or 7d", param, ctx)
        return int(found[1]) * _UNITS[found[2]]


@click.group()
def reviews() -> None:
    """List pairs of persons that may be one, look at both sides, and decide."""


@reviews.command("list")
@click.argument("tenant")
@click.option("--assignee", default="", help="Only those of this steward.")
@click.option("--kind", default="", help="Only possible_match, two_matches, conflicting_member …")
@click.option("--older", type=_Age(), default=0, help="Only raised so long ago, as 12h or 7d.")
@click.option("--decided", is_flag=True, help="Those that were decided, instead of open ones.")
@click.option("--limit", type=click.IntRange(1, _PAGE), default=50, show_default=True)
@data_option
@json_option
def list_reviews(
    tenant: str,
    assignee: str,
    kind: str,
    older: int,
    decided: bool,
    limit: int,
    data: Any,
    as_json: bool,
) -> None:
    """List what is for review of TENANT, the most urgent first. No patient data."""
    answer = _listed(data, tenant, assignee, kind, older, None, decided=decided, limit=limit)
    if as_json:
        echo_json({"total": answer.total, "reviews": [as_dict(each) for each in answer.reviews]})
        return
    if not answer.total:
        click.echo("Nothing is for review.")
        return
    now = datetime.datetime.now(datetime.UTC)
    rows = [
        [
            str(each.review_id),
            str(each.priority),
            each.kind,
            f"{each.bits:+.1f}",
            _status(each.status),
            plain(each.assignee or each.decided_by),
            ago(moment(each.raised_at), now),
        ]
        for each in answer.reviews
    ]
    head = ["REVIEW", "PRIORITY", "KIND", "BITS", "STATUS", "STEWARD", "RAISED"]
    click.echo(table(head, rows, right={"REVIEW", "BITS"}))
    if answer.total > len(answer.reviews):
        click.echo(f"{len(answer.reviews):,} of {answer.total:,}; see more with --limit")


@reviews.command("show")
@click.argument("tenant")
@click.argument("review_id", metavar="REVIEW", type=int)
@steward_option
@data_option
@json_option
def show(tenant: str, review_id: int, steward: str, data: Any, as_json: bool) -> None:
    """Show both sides of REVIEW with the bits of each field. Patient data: audit records the reading."""
    request = pb.GetReviewRequest(tenant=tenant, review_id=review_id, reader=steward)
    answer = ask_stewardship(load_mesh(data), "GetReview", request)
    if as_json:
        echo_json(as_dict(answer))
        return
    review = answer.review
    click.echo(
        f"Review {review.review_id}: {review.kind}, {review.bits:+.2f} bits, {_status(review.status)},"
        f" {count(answer.records, 'record')}\n  one    {review.person_id}\n"
        f"  other  {review.other_person_id}\n"
    )
    fields = [
        [each.field, plain(each.one), plain(each.other), each.level, f"{each.bits:+.2f}"]
        for each in answer.fields
    ]
    if fields:
        click.echo(f"Today ({answer.bits_now:+.2f} bits):")
        click.echo(table(["FIELD", "ONE", "OTHER", "AGREE", "BITS"], fields, right={"BITS"}))
    rows = [[each.what, each.level, f"{each.bits:+.2f}"] for each in answer.rows]
    click.echo(f"\nWhen it was raised (model {answer.model}):")
    click.echo(table(["WHAT", "HOW", "BITS"], rows, right={"BITS"}))
    for each in answer.history:
        at = moment(each.at)
        done = "" if each.is_applied else " (on its way)"
        text = plain(each.reason)
        click.echo(f"{at:%Y-%m-%d %H:%M} {plain(each.steward)}: {each.kind}{done}. {text}")


@reviews.command("assign")
@click.argument("tenant")
@click.argument("review_ids", metavar="REVIEW...", type=int, nargs=-1, required=True)
@click.option("--to", "assignee", default="", help="The steward; nobody where left out.")
@click.option("--priority", type=click.IntRange(0, 3), default=0, help="1 is most urgent.")
@steward_option
@data_option
def assign(
    tenant: str,
    review_ids: tuple[int, ...],
    assignee: str,
    priority: int,
    steward: str,
    data: Any,
) -> None:
    """Give reviews to a steward."""
    request = pb.AssignReviewsRequest(
        tenant=tenant, review_ids=review_ids, assignee=assignee, priority=priority, steward=steward
    )
    answer = ask_stewardship(load_mesh(data), "AssignReviews", request)
    click.echo(f"{count(answer.assigned, 'review')} given to {plain(assignee) or 'nobody'}.")


@reviews.command("decide")
@click.argument("tenant")
@click.argument("verdict", type=click.Choice(list(_VERDICTS)))
@click.argument("review_ids", metavar="[REVIEW]...", type=int, nargs=-1)
@reason_option
@click.option("--survivor", default="", help="The person that stays, for same and one review.")
@click.option("--kind", default="", help="In bulk: all undecided ones of this kind.")
@click.option("--least-bits", type=float, default=None, help="In bulk: all from this score on.")
@click.option("--older", type=_Age(), default=0, help="In bulk: all raised so long ago.")
@click.option("--limit", type=click.IntRange(1, _PAGE), default=_PAGE, help="In bulk: at most.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@steward_option
@data_option
@json_option
def decide(
    tenant: str,
    verdict: str,
    review_ids: tuple[int, ...],
    reason: str,
    survivor: str,
    kind: str,
    least_bits: float | None,
    older: int,
    limit: int,
    dry_run: bool,
    steward: str,
    data: Any,
    as_json: bool,
) -> None:
    """Say of reviews that both are the same person, or different, or skip them.

    Name the reviews, or choose them by --kind, --least-bits or --older. Exit code 1: some were not decided.
    """
    is_bulk = bool(kind or older) or least_bits is not None
    if is_bulk == bool(review_ids):
        raise click.UsageError("name reviews, or choose them by --kind, --least-bits or --older")
    if is_bulk:
        found = _listed(data, tenant, "", kind, older, least_bits, decided=False, limit=limit)
        review_ids = tuple(each.review_id for each in found.reviews)
        if not review_ids:
            click.echo("Nothing fits.")
            return
    request = pb.DecideReviewsRequest(
        tenant=tenant,
        review_ids=review_ids,
        verdict=_VERDICTS[verdict],
        reason=reason,
        steward=steward,
        is_dry_run=dry_run,
        survivor_id=survivor,
    )
    answer = ask_stewardship(load_mesh(data), "DecideReviews", request)
    if as_json:
        echo_json({"dry_run": dry_run, "outcomes": [as_dict(each) for each in answer.outcomes]})
    else:
        _tell_outcomes(answer, is_dry_run=dry_run, is_bulk=is_bulk)
    if any(each.outcome not in _DONE for each in answer.outcomes):
        sys.exit(1)


@click.command("report")
@click.argument("tenant")
@data_option
@json_option
def report(tenant: str, data: Any, as_json: bool) -> None:
    """Tell how well the persons of TENANT are matched: duplicates, reviews, agreement with stewards."""
    found = ask_stewardship(load_mesh(data), "GetReport", pb.GetReportRequest(tenant=tenant))
    if as_json:
        echo_json({field.name: getattr(found, field.name) for field in found.DESCRIPTOR.fields})
        return
    everybody = found.persons + found.merged_persons
    decided = found.decided_same + found.decided_different
    rows = [
        ["persons that stand", f"{found.persons:,}", ""],
        ["were duplicates", f"{found.merged_persons:,}", _share(found.merged_persons, everybody)],
        ["source records", f"{found.records:,}", ""],
        [
            "linked by demographics",
            f"{found.auto_links:,}",
            _share(found.auto_links, found.records),
        ],
        [
            "of these taken apart",
            f"{found.auto_links_undone:,}",
            _share(found.auto_links_undone, found.auto_links),
        ],
        ["raised for review", f"{found.reviews:,}", _share(found.reviews, found.records)],
        ["undecided", f"{found.open_reviews:,}", _share(found.open_reviews, found.reviews)],
        ["decided: one person", f"{found.decided_same:,}", _share(found.decided_same, decided)],
        [
            "decided: two persons",
            f"{found.decided_different:,}",
            _share(found.decided_different, decided),
        ],
        [
            "decided as scored",
            f"{found.decided_as_scored:,}",
            _share(found.decided_as_scored, decided),
        ],
    ]
    click.echo(table(["WHAT", "COUNT", "SHARE"], rows, right={"COUNT", "SHARE"}))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else ""


def _tell_outcomes(answer: pb.DecideReviewsResponse, *, is_dry_run: bool, is_bulk: bool) -> None:
    if is_dry_run:
        click.echo("Nothing was written. It would be:")
    if is_bulk:
        for outcome, number in collections.Counter(e.outcome for e in answer.outcomes).items():
            click.echo(f"{number:,}: {_WORDS.get(outcome, outcome)}")
        return
    for each in answer.outcomes:
        message = f" ({each.message_id})" if each.message_id else ""
        click.echo(f"{each.review_id}: {_WORDS.get(each.outcome, each.outcome)}{message}")


def _listed(
    data: Any,
    tenant: str,
    assignee: str,
    kind: str,
    older: int,
    least_bits: float | None,
    *,
    decided: bool,
    limit: int,
) -> pb.ListReviewsResponse:
    statuses = [pb.REVIEW_STATUS_SAME, pb.REVIEW_STATUS_DIFFERENT] if decided else []
    request = pb.ListReviewsRequest(
        tenant=tenant,
        statuses=statuses,
        assignee=assignee,
        kind=kind,
        least_age_seconds=older,
        least_bits=least_bits,
        limit=limit,
    )
    answer: pb.ListReviewsResponse = ask_stewardship(load_mesh(data), "ListReviews", request)
    return answer


def _status(status: pb.ReviewStatus.ValueType) -> str:
    return pb.ReviewStatus.Name(status).removeprefix("REVIEW_STATUS_").lower()
