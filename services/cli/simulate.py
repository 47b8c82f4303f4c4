"""`plexus simulate`: a hospital that sends, with the truth on the side."""

import contextlib
import json
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click
import orjson

from plexus.errors import ConfigurationError
from services.cli.mesh import run_async
from services.cli.send import host_and_port
from services.cli.simulation import KINDS, SYSTEMS, Fact, Hospital, spread
from services.cli.simulation.folder import TRUTH_FILE, MessageFolder
from services.cli.simulation.run import Run
from services.cli.telling import table

__all__ = ["command"]


@click.command(
    epilog="Systems: " + "; ".join(f"{one.name} ({one.says})" for one in SYSTEMS.values()) + "."
    " Kinds of dirt: " + ", ".join(KINDS) + "."
)
@click.option(
    "--seed", default="1", show_default=True, help="The same seed gives the same bytes and truth."
)
@click.option(
    "--patients",
    type=click.IntRange(1, 1_000_000),
    default=200,
    show_default=True,
    help="Persons who come, each at least once if there is time.",
)
@click.option(
    "--days",
    type=click.FloatRange(0, min_open=True),
    help="Days of the hospital, from 2 March 2026; 3 unless --count is there.",
)
@click.option("--count", type=click.IntRange(1), help="Stop after that many messages.")
@click.option(
    "--to",
    "targets",
    multiple=True,
    metavar="[SYSTEM=]HOST:PORT",
    help="Send over MLLP: this system, or all that have no address of their own. Repeatable.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=pathlib.Path),
    help="Write files into this new folder, as `plexus send` and `plexus demo --feed` read them.",
)
@click.option(
    "--truth",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    help=f"File for the truth, a JSON line each; {TRUTH_FILE} in the folder of --out.",
)
@click.option(
    "--dirt",
    "dirt",
    multiple=True,
    metavar="SHARE|KIND=SHARE",
    help="Share of dirty messages, 0 to 1, of all kinds or of one. Repeatable.",
)
@click.option(
    "--systems", metavar="NAME,...", help="Only these systems send; all happens all the same."
)
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Messages a second at most.")
@click.option(
    "--connections",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="To each system's address. One person's messages stay on one of them, in order.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(
    seed: str,
    patients: int,
    days: float | None,
    count: int | None,
    targets: tuple[str, ...],
    out: pathlib.Path | None,
    truth: pathlib.Path | None,
    dirt: tuple[str, ...],
    systems: str | None,
    rate: float | None,
    connections: int,
    as_json: bool,
) -> int:
    """Be a hospital with believable patients, and send what its systems would send.

    Persons are registered, admitted, moved, discharged, merged; tests are ordered and answered;
    children are born. Everything is invented from the seed. Without --to and --out messages are
    only made and counted.

    \b
      plexus simulate --out /tmp/hospital --dirt 0.1
      plexus demo --feed /tmp/hospital
      plexus simulate --systems registration,laboratory --rate 50 \\
          --to registration=127.0.0.1:2575 --to laboratory=127.0.0.1:2576

    Exit code 0: all was written, or answered and nothing refused that was whole; 1: not so; 2: the
    command line is wrong. Messages that dirt has spoiled may be refused.
    """  # noqa: D301 - \b keeps the lines of the example apart
    wanted = _systems(systems)
    if targets and out is not None:
        raise click.UsageError("--to sends and --out writes; choose one of them")
    if not targets and (rate is not None or connections > 1):
        raise click.UsageError("--rate and --connections are about sending; name --to")
    if days is None and count is None:
        days = 3.0
    addresses = _addresses(targets, wanted)
    folder = MessageFolder(out, wanted) if out is not None else None
    if out is not None and truth is None:
        truth = out / TRUTH_FILE
    run = Run(shows=sys.stderr.isatty() and not as_json)
    with _truth_file(truth) as tell:
        try:
            hospital = Hospital(
                seed,
                patients=patients,
                days=days,
                count=count,
                dirt=_dirt(dirt),
                systems=wanted,
                tell=tell,
            )
        except ValueError as exc:
            raise click.UsageError(str(exc)) from exc
        if addresses:
            run_async(run.send(hospital, addresses, rate, connections))
        else:
            run.write(hospital, folder)
    summary = run.summary()
    summary["truth"] = str(truth) if truth is not None else ""
    click.echo(json.dumps(summary) if as_json else _in_words(summary))
    return 1 if summary["refused_whole"] or summary["unanswered"] else 0


def _systems(text: str | None) -> frozenset[str]:
    if text is None:
        return frozenset(SYSTEMS)
    wanted = frozenset(name.strip() for name in text.split(",") if name.strip())
    if not wanted or not wanted <= SYSTEMS.keys():
        raise click.UsageError(f"--systems takes names of {', '.join(SYSTEMS)}")
    return wanted


def _addresses(targets: tuple[str, ...], wanted: frozenset[str]) -> dict[str, tuple[str, int]]:
    own: dict[str, tuple[str, int]] = {}
    rest: tuple[str, int] | None = None
    for target in targets:
        system, equals, address = target.rpartition("=")
        if equals and system not in wanted:
            raise click.UsageError(f"{system} is no system that sends")
        if equals:
            own[system] = host_and_port(address)
        else:
            rest = host_and_port(address)
    without = wanted - own.keys()
    if targets and without and rest is None:
        raise click.UsageError(
            f"no address for {', '.join(sorted(without))}; name one with --to, or leave them out"
            " with --systems"
        )
    return own | {name: rest for name in without if rest is not None}


def _dirt(texts: tuple[str, ...]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for text in texts:
        kind, equals, number = text.rpartition("=")
        try:
            share = float(number)
        except ValueError as exc:
            raise click.UsageError(f"--dirt takes a number, not {number}") from exc
        shares |= {kind: share} if equals else spread(share)
    return shares


@contextlib.contextmanager
def _truth_file(path: pathlib.Path | None) -> Iterator[Callable[[Fact], None]]:
    if path is None:
        yield lambda _: None
        return
    try:
        file = path.open("wb")
    except OSError as exc:
        raise ConfigurationError(f"{path} cannot be written: {exc.strerror}") from exc
    with file:
        yield lambda fact: _write(file, fact)


def _write(file: Any, fact: Fact) -> None:
    file.write(orjson.dumps(fact, option=orjson.OPT_APPEND_NEWLINE))


def _in_words(summary: dict[str, Any]) -> str:
    codes = [*summary["codes"]]
    headings = ["TYPE", "MESSAGES", *codes]
    rows = [
        [kind, str(sum(counts.values())), *(str(counts.get(code, "")) for code in codes)]
        for kind, counts in summary["types"].items()
    ]
    lines = [table(headings, rows, right=headings[1:])]
    if summary["dirt"]:
        lines.append("dirt: " + ", ".join(f"{kind} {n}" for kind, n in summary["dirt"].items()))
    if summary["truth"]:
        lines.append(f"truth: {summary['truth']}")
    told = [f"{summary['messages']} messages in {summary['seconds']:.1f} s"]
    told += [f"{code} {count}" for code, count in summary["codes"].items()]
    if summary["refused_whole"]:
        told.append(f"{summary['refused_whole']} refused although they were whole")
    told.append(f"{summary['rate_per_s']:.0f}/s")
    return "\n".join([*lines, ", ".join(told)])
