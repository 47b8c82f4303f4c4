"""`plexus consent`: what persons have said about their data, and what follows from it."""

import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from google.protobuf.message import Message

from plexus.api.consent.v1 import consent_pb2, consent_pb2_grpc
from plexus.errors import ConfigurationError, InvalidRequest
from services.cli.consent_vectors import Checked, check, read_vectors
from services.cli.mesh import data_option, load_mesh, run_async
from services.cli.telling import as_dict, echo_json, json_option, table
from services.consent.domain import Labeller, read_label_rules
from services.consent.domain.labelling import shipped_rules

__all__ = ["command"]

_SECONDS = 30.0

T = TypeVar("T")


@click.group()
def command() -> None:
    """File and end directives of persons, and ask what they decide."""


def _of_person(function: Callable[..., Any]) -> Callable[..., Any]:
    person = click.option(
        "--person", required=True, help="Id of the person, as identity knows them."
    )
    tenant = click.option("--tenant", required=True, help="Whose data it is about.")
    return data_option(tenant(person(function)))


_file = click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=pathlib.Path)
)


def _ask(data: pathlib.Path, method: str, request: Message, kind: type[T]) -> T:
    async def asked() -> T:
        async with load_mesh(data).peer("consent") as peer:
            stub = consent_pb2_grpc.ConsentServiceStub(peer.channel)
            answer = await peer.ask(getattr(stub, method), request, deadline_seconds=_SECONDS)
            assert isinstance(answer, kind)
            return answer

    return run_async(asked())


def _content(file: pathlib.Path) -> bytes:
    return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()


@command.command("file")
@_of_person
@_file
@json_option
def file_consent(
    data: pathlib.Path, tenant: str, person: str, file: pathlib.Path, as_json: bool
) -> None:
    """Store a directive: FILE is a FHIR Consent (R4 or R5) as JSON, or - for standard input.

    It holds from the next decision on. One that cannot be understood is refused, with the element.
    """
    request = consent_pb2.FileConsentRequest(
        tenant=tenant, person_id=person, content=_content(file)
    )
    answer = _ask(data, "FileConsent", request, consent_pb2.FileConsentResponse)
    if as_json:
        echo_json(as_dict(answer))
        return
    click.echo(f"{answer.consent_id} version {answer.version}, consent epoch {answer.epoch}")


@command.command("revoke")
@_of_person
@click.argument("consent_id")
@json_option
def revoke_consent(
    data: pathlib.Path, tenant: str, person: str, consent_id: str, as_json: bool
) -> None:
    """End a directive. From the next decision on it does not count; it stays stored."""
    request = consent_pb2.RevokeConsentRequest(
        tenant=tenant, person_id=person, consent_id=consent_id
    )
    answer = _ask(data, "RevokeConsent", request, consent_pb2.RevokeConsentResponse)
    if as_json:
        echo_json(as_dict(answer))
        return
    click.echo(f"ended with version {answer.version}, consent epoch {answer.epoch}")


@command.command("list")
@_of_person
@json_option
def list_consents(data: pathlib.Path, tenant: str, person: str, as_json: bool) -> None:
    """List a person's directives, all versions. With --json also their content."""
    request = consent_pb2.ListConsentsRequest(tenant=tenant, person_id=person)
    answer = _ask(data, "ListConsents", request, consent_pb2.ListConsentsResponse)
    if as_json:
        echo_json(as_dict(answer))
        return
    rows = [
        [
            each.consent_id,
            str(each.version),
            each.status,
            each.filed_at.ToJsonString(),
            "current" if each.is_current else "",
            "; ".join(each.problems),
        ]
        for each in answer.consents
    ]
    click.echo(table(["directive", "version", "status", "filed", "", "problems"], rows))
    click.echo(f"consent epoch {answer.epoch}")


@command.command("explain")
@_of_person
@click.option("--recipient", "recipients", multiple=True, help="Only of this one; may be repeated.")
@click.option("--purpose", "purposes", multiple=True, help="Only for this one; may be repeated.")
@json_option
def explain(
    data: pathlib.Path,
    tenant: str,
    person: str,
    recipients: Sequence[str],
    purposes: Sequence[str],
    as_json: bool,
) -> None:
    """Tell who may have what of a person, and what says so."""
    request = consent_pb2.ExplainRequest(
        tenant=tenant, person_id=person, recipients=recipients, purposes=purposes
    )
    answer = _ask(data, "Explain", request, consent_pb2.ExplainResponse)
    if as_json:
        echo_json(as_dict(answer))
        return
    click.echo(_ruled(answer.rules))


@command.command("simulate")
@_of_person
@_file
@json_option
def simulate(
    data: pathlib.Path, tenant: str, person: str, file: pathlib.Path, as_json: bool
) -> None:
    """Tell what a directive would change, without storing it."""
    request = consent_pb2.SimulateRequest(tenant=tenant, person_id=person, content=_content(file))
    answer = _ask(data, "Simulate", request, consent_pb2.SimulateResponse)
    if as_json:
        echo_json(as_dict(answer))
        return
    if answer.changes:
        click.echo(_ruled(answer.changes))
    click.echo(f"{len(answer.changes)} of {answer.compared} combinations would change")


def _ruled(rules: Sequence[consent_pb2.Ruled]) -> str:
    headings = ["recipient", "purpose", "type", "label", "", "because"]
    rows = [
        [
            each.recipient,
            each.purpose,
            each.resource_type,
            each.label.rpartition("|")[2],
            "permit" if each.decision.effect == consent_pb2.EFFECT_PERMIT else "deny",
            each.decision.rule or "no rule covers it",
        ]
        for each in rules
    ]
    return table(headings, rows)


@command.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path))
@json_option
def check_vectors(file: pathlib.Path, as_json: bool) -> None:
    """Run a file of consent vectors, without a server.

    One line for each case that is decided otherwise than it expects, with the rule that decided, and
    a summary. Exit code 1: there is one; 2: it is no file of vectors.
    """
    try:
        checked = [check(case) for case in read_vectors(file)]
    except InvalidRequest as exc:
        raise click.UsageError(exc.detail) from exc
    if as_json:
        echo_json(_as_json(checked))
    else:
        for each in checked:
            if not each.agrees:
                click.echo(_line(each))
        click.echo(_summary(checked))
    if not all(each.agrees for each in checked):
        sys.exit(1)


@command.command("labels")
@click.argument("codes", nargs=-1, required=True, metavar="SYSTEM|CODE...")
@click.option("--shipped", multiple=True, help="Rules that come with Plexus.  [default: all]")
@click.option(
    "--rules",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    help="A rule file; may be repeated.",
)
@json_option
def labels(
    codes: Sequence[str], shipped: Sequence[str], files: Sequence[pathlib.Path], as_json: bool
) -> None:
    """Tell which security labels data with these codes get, and by which rule. Needs no server.

    For example: plexus consent labels "http://hl7.org/fhir/sid/icd-10-cm|F10.20"
    """
    names: Sequence[str | pathlib.Path] = [*shipped, *files] or shipped_rules()
    try:
        labeller = Labeller(read_label_rules(name) for name in names)
    except ConfigurationError as exc:
        raise click.UsageError(exc.detail) from exc
    found = labeller.find(codes)
    if as_json:
        echo_json([each._asdict() for each in found])
    elif not found:
        click.echo("No rule labels these codes.")
    else:
        headings = ("label", "rule", "confidence")
        click.echo(
            table(headings, [(each.label, each.rule, f"{each.confidence:g}") for each in found])
        )


def _rule(checked: Checked) -> str:
    made = checked.decided
    return " ".join(part for part in (made.cause.value, made.rule, made.path) if part)


def _line(checked: Checked) -> str:
    told = (
        f"{checked.name} {checked.title}: expected {checked.expected},"
        f" decided {checked.decided.effect.upper()} ({_rule(checked)})"
    )
    return "; ".join((told, *checked.problems))


def _summary(checked: Sequence[Checked]) -> str:
    agree = sum(each.agrees for each in checked)
    return f"{len(checked)} cases: {agree} as expected, {len(checked) - agree} not"


def _as_json(checked: Sequence[Checked]) -> dict[str, object]:
    return {
        "cases": len(checked),
        "agree": sum(each.agrees for each in checked),
        "disagreements": [
            {
                "id": each.name,
                "title": each.title,
                "expected": each.expected,
                "decided": each.decided.effect.upper(),
                "rule": _rule(each),
                "decision": each.decided.as_json(),
                "problems": list(each.problems),
            }
            for each in checked
            if not each.agrees
        ],
    }
