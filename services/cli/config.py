"""`plexus config`: print what can be set and what is in force; verify it before it is used.

Settings come from the environment and say how a service runs; the mesh document says what the mesh
does. Both are described from the classes that read them, so this cannot lag behind. `verify` finds
every problem at once, with its line; notes are what is allowed and probably not meant.
"""

import dataclasses
import pathlib
import typing
from collections.abc import Iterator, Sequence
from typing import Any, Final

import click
import pydantic
import pydantic_core
import yaml

from plexus.errors import ConfigurationError
from plexus.settings import Document, Section, ServiceSettings, describe, load_document, printable
from services.cli.cross_checks import CrossChecks, Findings
from services.cli.telling import echo_json, json_option, paint
from services.consent.settings import (
    BreakGlassSection,
    LabelsSection,
    PolicySection,
    RecipientSection,
    StatuteSection,
)
from services.delivery.settings import Destination
from services.identity.settings import MatchingSection
from services.ingest.settings import Feed
from services.registry import SERVICES, load_service, sections_of
from services.transform.settings import Source, TenantMaps

__all__ = ["SECTION_MODELS", "Findings", "command", "verify_document"]

SECTION_MODELS: Final[dict[str, type[Section]]] = {
    "sources": Source,
    "tenants": TenantMaps,
    "feeds": Feed,
    "destinations": Destination,
    "policies": PolicySection,
    "recipients": RecipientSection,
    "statutes": StatuteSection,
    "break_glass": BreakGlassSection,
    "labels": LabelsSection,
    "matching": MatchingSection,
}
"""What an entry of each section of the mesh document is."""
_LIMITS: Final = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "pattern": "as {}"}


@click.group()
def command() -> None:
    """Print or verify settings and the mesh document."""


@command.command("print")
@click.argument("service", required=False, type=click.Choice(list(SERVICES)))
@click.option("--document", "of_document", is_flag=True, help="Describe the mesh document instead.")
@json_option
def _print(service: str | None, of_document: bool, as_json: bool) -> None:
    """Print each setting with its value in force here, its default and its meaning.

    Without SERVICE: what all services share, then what each adds. Secrets are hidden.
    """
    if of_document:
        _print_document(as_json)
        return
    rows = list(_setting_rows([service] if service else list(SERVICES), share=service is None))
    if as_json:
        echo_json([dataclasses.asdict(row) for row in rows])
        return
    owner = ""
    for row in rows:
        if row.service != owner:
            owner = row.service
            click.echo(paint(f"# {owner}", "", bold=True) + "\n")
        default = "" if row.value == row.default else f"  (default: {row.default or 'empty'})"
        click.echo(f"{row.variable}={row.value}{default}")
        click.echo(click.wrap_text(row.meaning, 78, "    ", "    ") + "\n")


@dataclasses.dataclass(frozen=True, slots=True)
class _Row:
    service: str
    variable: str
    value: str
    default: str
    meaning: str


def _setting_rows(services: Sequence[str], *, share: bool) -> Iterator[_Row]:
    shared = {row.variable: row for row in describe(ServiceSettings)} if share else {}
    for name in ["all services", *services] if share else services:
        kind = load_service(name).settings if name in SERVICES else ServiceSettings
        values = printable(_read_settings(kind))
        for row in describe(kind):
            if name in SERVICES and shared.get(row.variable) == row:
                continue
            # Whoever hides the value must not tell by the default whether it was changed.
            value = values[row.variable]
            default = value if row.default == "(secret)" else row.default
            yield _Row(name, row.variable, value, default, row.meaning)


def _read_settings(kind: type[ServiceSettings]) -> ServiceSettings:
    try:
        return kind()
    except pydantic.ValidationError as exc:
        problems = [
            f"PLEXUS_{'_'.join(str(part) for part in error['loc']).upper()}: {error['msg']}"
            for error in exc.errors(include_input=False, include_url=False)
        ]
        raise ConfigurationError("\n".join(problems)) from exc


def _print_document(as_json: bool) -> None:
    fields = {name: list(_fields(model)) for name, model in SECTION_MODELS.items()}
    if as_json:
        echo_json(fields)
        return
    click.echo("# The mesh document is YAML. Every section is a list; all may be left out.")
    for name, model in SECTION_MODELS.items():
        click.echo(f"\n{name}:")
        intro = (model.__doc__ or "").split("\n\n")
        for paragraph in intro:
            click.echo(click.wrap_text(" ".join(paragraph.split()), 78, "  # ", "  # "))
        lead = "  - "
        for field in fields[name]:
            click.echo()
            note = f"{field['meaning']} [{field['type']}]"
            click.echo(click.wrap_text(note, 78, "    # ", "    # "))
            depth = "  " * str(field["name"]).count(".")
            leaf = str(field["name"]).rpartition(".")[2]
            click.echo(f"{depth}{lead}{leaf}: {field['default']}".rstrip())
            lead = "    "


def _fields(model: type[pydantic.BaseModel], prefix: str = "") -> Iterator[dict[str, str]]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        nested = inner if isinstance(inner, type) and issubclass(inner, Section) else None
        yield {
            "name": prefix + name,
            "type": ", ".join([_type_text(inner), *_limits(field)]),
            "default": "" if nested else _default_text(field),
            "meaning": " ".join((field.description or "").split()),
        }
        if nested:
            yield from _fields(nested, f"{prefix}{name}.")


def _type_text(kind: Any) -> str:
    arguments = typing.get_args(kind)
    if typing.get_origin(kind) is typing.Literal:
        return "one of " + ", ".join(str(one) for one in arguments)
    if typing.get_origin(kind) is tuple:
        return f"list of {_type_text(arguments[0])}"
    if arguments:
        return " or ".join(_type_text(one) for one in arguments if one is not type(None))
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    if isinstance(kind, type) and issubclass(kind, Section):
        return "section"
    return names.get(kind, "path" if kind is pathlib.Path else str(kind))


def _limits(field: pydantic.fields.FieldInfo) -> Iterator[str]:
    for limit in field.metadata:
        for name, words in _LIMITS.items():
            value = getattr(limit, name, None)
            if value is not None:
                yield words.format(f"{value:,}" if isinstance(value, int) else value)


def _default_text(field: pydantic.fields.FieldInfo) -> str:
    if field.is_required():
        return "…  # needed"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return '""' if field.annotation is str else "null"
    text = yaml.safe_dump(pydantic_core.to_jsonable_python(value), default_flow_style=True)
    return text.removesuffix("...\n").strip()


@command.command("verify")
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    help="The mesh document.  [default: PLEXUS_CONFIG, or plexus.yaml]",
)
@json_option
@click.pass_context
def _verify(ctx: click.Context, config: pathlib.Path | None, as_json: bool) -> None:
    """Verify the settings of all services, and the whole mesh document.

    Names every problem, with its line. Exit code 1 where there is one. Nothing is started and nobody
    is asked, so it can run before a change is rolled out.
    """
    findings = Findings()
    path = config
    for name in SERVICES:
        try:
            settings = _read_settings(load_service(name).settings)
            path = path or settings.config
            if settings.key_secret_file or settings.key_secret.get_secret_value():
                settings.secret()
            findings.passed.append(f"settings of {name}")
        except ConfigurationError as exc:
            findings.problems.extend(exc.detail.split("\n"))
    verify_document(path or pathlib.Path("plexus.yaml"), findings)
    # Settings that all services share are wrong once, not once for each.
    findings.problems = list(dict.fromkeys(findings.problems))
    if as_json:
        echo_json({"ok": not findings.problems, **dataclasses.asdict(findings)})
    else:
        for text in findings.passed:
            click.echo(f"{paint('OK', 'green')}       {text}")
        for text in findings.notes:
            click.echo(f"{paint('note', 'yellow')}     {text}")
        for text in findings.problems:
            click.echo(f"{paint('problem', 'red')}  {text}")
    if findings.problems:
        ctx.exit(1)


def verify_document(path: pathlib.Path, findings: Findings) -> None:
    """Verify a mesh document and add what is found to `findings`. Raises nothing."""
    try:
        document = load_document(path)
    except ConfigurationError as exc:
        findings.problems.append(exc.detail)
        return
    _check_names(document, findings)
    read: dict[str, list[Any]] = {}
    for name, model in SECTION_MODELS.items():
        try:
            read[name] = document.sections(name, model)
        except ConfigurationError as exc:
            findings.problems.extend(exc.detail.split("\n"))
        else:
            findings.passed.append(f"{path}: {name}: {len(read[name])}")
    is_whole = len(read) == len(SECTION_MODELS)
    empty: dict[str, list[Any]] = {name: [] for name in SECTION_MODELS}
    CrossChecks(document, findings, **{**empty, **read}).check(references=is_whole)


def _check_names(document: Document, findings: Findings) -> None:
    """Top-level names that nobody reads; `Document.known` would tell the first one only."""
    known = {section for name in SERVICES for section in sections_of(name)}
    wanted = ", ".join(sorted(known))
    for name in yaml.safe_load(document.path.read_text(encoding="utf-8")):
        if name not in known:
            findings.problems.append(
                f"{document.path}:{document.line(str(name))}: nothing is called {name};"
                f" there is: {wanted}"
            )
