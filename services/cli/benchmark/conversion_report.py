"""The figures of `plexus bench transform`: as JSON with fixed names, and as a table."""

from typing import Any

from services.cli.benchmark.conversion import Figures
from services.cli.benchmark.goldens import Agreement
from services.cli.telling import table

__all__ = ["figures_of", "figures_text"]

_MOST = 12


def figures_of(found: Figures) -> dict[str, Any]:
    """All figures. Rates are messages per CPU second, shares from 0 to 1."""
    return {
        "sound": found.is_sound,
        "messages": found.messages,
        "raised": found.raised,
        "supported": found.supported,
        "converted": found.converted,
        "valid": found.valid,
        "dangling": found.dangling,
        "differ_when_repeated": found.repeated,
        "leaves": found.leaves,
        "leaves_mapped_or_dropped": found.kept,
        "leaves_in_event": found.retention.accounted,
        "values": found.retention.values,
        "values_in_fhir": found.retention.kept,
        "values_in_fhir_as_written": found.retention.literal,
        "values_dropped_by_rule": found.retention.dropped,
        "goldens": {name: _agreement(each) for name, each in found.goldens.items()},
        "per_second": {name: round(rate, 1) for name, rate in found.per_second.items()},
        "large_ms": round(found.large_ms, 1),
        "import_ms": round(found.import_ms),
        "worker_mb": round(found.worker_mb),
        "problems": found.problems,
    }


def _agreement(found: Agreement) -> dict[str, Any]:
    return {
        "facts": found.golden,
        "recall": round(found.recall(), 4),
        "precision": round(found.precision(), 4),
        "recall_without_meant": round(found.recall(without_meant=True), 4),
        "precision_without_meant": round(found.precision(without_meant=True), 4),
        "meant": {
            f"{'golden' if is_golden else 'ours'}: {reason}": n
            for (reason, is_golden), n in found.meant.most_common()
        },
        "unlisted": {
            f"{'golden' if is_golden else 'ours'}: {path}": n
            for (path, is_golden), n in found.unlisted.most_common(100)
        },
    }


def figures_text(found: Figures) -> str:
    """A table, then what differs and what is wrong."""
    rows = _rows(found)
    text = [table(["measure", "found"], rows, right={"found"})]
    for name, each in found.goldens.items():
        listed = [
            [f"{n:,}", "theirs" if is_golden else "ours", reason]
            for (reason, is_golden), n in each.meant.most_common()
        ]
        if listed:
            text += [f"\n{name}: differences that are meant\n", _differences(listed, "reason")]
        others = [
            [f"{n:,}", "theirs" if is_golden else "ours", path]
            for (path, is_golden), n in each.unlisted.most_common(_MOST)
        ]
        if others:
            text += [f"\n{name}: most frequent of the others\n", _differences(others, "path")]
    if found.problems:
        more = len(found.problems) - _MOST
        text += ["\nproblems\n", *found.problems[:_MOST]]
        text += [f"… and {more} more"] if more > 0 else []
    return "\n".join(text)


def _differences(rows: list[list[str]], of: str) -> str:
    return table(["facts", "stated by", of], rows, right={"facts"})


def _rows(found: Figures) -> list[list[str]]:
    rows: list[list[str]] = []
    if found.messages:
        rows += [
            [
                "messages read without exception",
                f"{found.messages - found.raised} of {found.messages}",
            ],
            ["of supported types, converted", _share(found.converted, found.supported)],
            ["bundles valid under the judge", _share(found.valid, found.converted)],
            ["dangling references", str(found.dangling)],
            ["bundles that differ when made again", str(found.repeated)],
            ["leaves that a rule maps or drops", _share(found.kept, found.leaves)],
            [
                "leaves in canonical event + residue",
                _share(found.retention.accounted, found.retention.leaves),
            ],
            ["leaf values kept in FHIR", _share(found.retention.kept, found.retention.values)],
            [
                "   of these, in another form than written",
                _share(found.retention.in_another_form, found.retention.values),
            ],
            [
                "   not kept: left out by a rule, with its reason",
                _share(found.retention.dropped, found.retention.values),
            ],
        ]
    for name, each in found.goldens.items():
        rows.append(
            [
                f"facts of {name}: recall / precision",
                f"{each.recall():.1%} / {each.precision():.1%}",
            ]
        )
        rows.append(
            [
                "   without differences that are meant",
                f"{each.recall(without_meant=True):.1%} / {each.precision(without_meant=True):.1%}",
            ]
        )
    rows += [
        [f"{name}, messages per CPU second", f"{rate:,.0f}"]
        for name, rate in found.per_second.items()
    ]
    rows += [
        ["a result of 1 MB", f"{found.large_ms:.1f} ms"],
        ["import", f"{found.import_ms:.0f} ms"],
        ["memory of a worker", f"{found.worker_mb:.0f} MB"],
    ]
    return rows


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({part / whole:.1%})" if whole else "0"
