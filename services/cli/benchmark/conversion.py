"""`plexus bench transform`: how well and how fast messages become FHIR, without any server.

Speed is CPU time of one process, strict validation included: as a stage spends it, without the broker.
Memory and import are those of a process that does nothing else.
"""

import csv
import dataclasses
import itertools
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from plexus.api.canonical.v1.event_pb2 import CanonicalEvent
from plexus.codecs.fhir import Disclosure
from plexus.codecs.fhir.judge import judge
from plexus.codecs.hl7v2 import Message, leaves, read
from plexus.errors import InvalidMessage, Reason
from plexus.garbage import collect_seldom
from services.cli.benchmark.goldens import Agreement, facts, listed, sending_of, values
from services.cli.benchmark.retention import Retention
from services.cli.benchmark.variation import varied
from services.cli.simulation import Hospital
from services.transform.domain import SourceContext, convert, explain_parts, run_parts
from services.transform.domain.load import Maps, load_maps
from services.transform.domain.preview import PREVIEW, as_recorded

__all__ = ["Corpus", "Figures", "measure"]

_BEST_OF: Final = 5
_SECONDS: Final = 0.4
_AT_ONCE: Final = 20
_RESULTS: Final = 20
_CONTEXT: Final = SourceContext(tenant=PREVIEW, source=PREVIEW, message_id=PREVIEW, time_zone="UTC")
_UNSUPPORTED: Final = frozenset(
    {Reason.REASON_UNSUPPORTED_EVENT, Reason.REASON_UNSUPPORTED_MESSAGE_TYPE}
)
_WORKER: Final = """
import sys, time
began = time.process_time()
from services.transform.domain.load import load_maps
imported = time.process_time()
import psutil
from plexus.codecs.fhir import Disclosure
from plexus.garbage import collect_seldom
from services.transform.domain import SourceContext, convert
from services.transform.domain.preview import as_recorded
maps, content = load_maps(), open(sys.argv[1], "rb").read()
context = SourceContext(tenant="t", source="s", message_id="m")
collect_seldom()
peak = 0
for _ in range(300):
    recorded = as_recorded(convert(maps, content, context), tenant="t")
    Disclosure(recorded, tenant="t").bundle_bytes(message_id="m")
    peak = max(peak, psutil.Process().memory_info().rss)
print(imported - began, peak / 1024**2)
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Corpus:
    """Messages of others: `manifest.tsv` names file, type, golden and the golden's kind."""

    folder: pathlib.Path

    def rows(self) -> Iterator[dict[str, str]]:
        """The lines of the manifest."""
        with (self.folder / "manifest.tsv").open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file, delimiter="\t")

    def content(self, name: str) -> bytes:
        """A file of it."""
        return (self.folder / name).read_bytes()


@dataclasses.dataclass(slots=True)
class Figures:
    """What was found.

    Attributes:
        messages: that were read.
        unread: that have no header, so are none.
        raised: with which reading failed otherwise.
        supported: of types that there are maps for.
        converted: of these.
        valid: of the converted under the judge.
        dangling: references that point at nothing.
        repeated: of the converted whose second output differs.
        leaves: populated leaves of the converted.
        kept: of these, not residue: a map has taken them.
        retention: what bundles and events hold of what the converted say.
        goldens: agreement by converter.
        per_second: rates by kind of message.
        large_ms: time for a result of 1 MB.
        import_ms, worker_mb: of a process of its own.
        problems: what was found wrong, by file.
    """

    messages: int = 0
    unread: int = 0
    raised: int = 0
    supported: int = 0
    converted: int = 0
    valid: int = 0
    dangling: int = 0
    repeated: int = 0
    leaves: int = 0
    kept: int = 0
    retention: Retention = dataclasses.field(default_factory=Retention)
    goldens: dict[str, Agreement] = dataclasses.field(default_factory=dict)
    per_second: dict[str, float] = dataclasses.field(default_factory=dict)
    large_ms: float = 0.0
    import_ms: float = 0.0
    worker_mb: float = 0.0
    problems: list[str] = dataclasses.field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Nothing raised, is not valid, dangles, or differs when it is made again."""
        return not (self.raised or self.dangling or self.repeated) and self.valid == self.converted


def measure(corpus: Corpus | None, folder: pathlib.Path, tell: Callable[[str], None]) -> Figures:
    """Measure everything; what needs the corpus is left out without one. `folder` is for scratch."""
    maps = load_maps()
    figures = Figures()
    if corpus is not None:
        tell("converting the corpus …")
        for row in corpus.rows():
            _one(maps, corpus, row, figures)
    tell("measuring speed …")
    admission, results = _samples()
    collect_seldom()
    figures.per_second["ADT"] = _rate(maps, admission)
    figures.per_second[f"ORU, {_RESULTS} OBX"] = _rate(maps, results)
    figures.large_ms = 1000 / _rate(maps, _large())
    tell("measuring a worker of its own …")
    sample = folder / "sample.hl7"
    sample.write_bytes(results)
    told = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", _WORKER, str(sample)], check=True, capture_output=True, text=True
    )
    seconds, megabytes = map(float, told.stdout.split())
    figures.import_ms, figures.worker_mb = seconds * 1000, megabytes
    return figures


def _one(maps: Maps, corpus: Corpus, row: dict[str, str], figures: Figures) -> None:
    name = row["file"]
    content = corpus.content(name)
    figures.messages += 1
    try:
        message = read(content)
    except InvalidMessage:
        figures.unread += 1
        return
    except Exception as exc:  # noqa: BLE001 - that there is none is what is measured
        figures.raised += 1
        figures.problems.append(f"{name}: {type(exc).__name__}")
        return
    if not message.code:
        return
    ours = _converted(maps, content, name, figures)
    converter = _converter(row)
    if converter:
        _agree(corpus, row["golden"], converter, message, ours, figures)


def _converted(maps: Maps, content: bytes, name: str, figures: Figures) -> dict[str, Any]:
    try:
        parts = run_parts(maps, content, _CONTEXT, needs_person=False)
        made = [_bundle(part.event) for part in parts]
    except InvalidMessage as exc:
        if exc.reason not in _UNSUPPORTED:
            figures.supported += 1
            figures.problems.append(f"{name}: {exc.detail}")
        return {}
    figures.supported += 1
    figures.converted += 1
    again = run_parts(maps, content, _CONTEXT, needs_person=False)
    figures.repeated += [_bundle(part.event) for part in again] != made
    bundles: list[dict[str, Any]] = [orjson.loads(each) for each in made]
    for part in parts:
        whole = sum(1 for _ in leaves(part.message))
        figures.leaves += whole
        figures.kept += whole - len(part.event.residue)
    for explained, bundle in zip(explain_parts(maps, content, _CONTEXT), bundles, strict=True):
        figures.retention.add(explained, bundle)
    found = [finding for bundle in bundles for finding in judge(bundle)]
    figures.valid += not found
    figures.dangling += sum(finding.rule == "dangling" for finding in found)
    figures.problems += (f"{name}: {finding}" for finding in found[:3])
    # Goldens of a message about several persons are one bundle.
    return bundles[0] | {"entry": [entry for bundle in bundles for entry in bundle["entry"]]}


def _bundle(event: CanonicalEvent) -> bytes:
    recorded = as_recorded(event, tenant=PREVIEW)
    return Disclosure(recorded, tenant=PREVIEW).bundle_bytes(message_id=PREVIEW)


def _converter(row: dict[str, str]) -> str:
    if not row["golden"] or row["golden_kind"].startswith("fhir->"):
        return ""
    if "FHIR-Converter" in row["golden"]:
        return "Microsoft"
    return "CDC" if "reportstream" in row["golden"] else ""


def _agree(
    corpus: Corpus,
    golden: str,
    converter: str,
    message: Message,
    ours: dict[str, Any],
    figures: Figures,
) -> None:
    try:
        theirs = orjson.loads(corpus.content(golden).removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        figures.problems.append(f"{golden}: no JSON")
        return
    agreement = figures.goldens.get(converter)
    if agreement is None:
        meant = [each for each in listed() if each.golden == converter]
        agreement = figures.goldens[converter] = Agreement(meant)
    agreement.add(facts(theirs), facts(ours), values(ours), sending_of(message))


# -- speed --------------------------------------------------------------------------------------


def _samples() -> tuple[bytes, bytes]:
    """An admission and a report of twenty results, as simulated systems send them."""
    admission, result = b"", b""
    for simulated in Hospital(1, patients=40, days=4):
        content = simulated.content
        if not admission and b"ADT^A01" in content and b"|2.5" in content:
            admission = content
        if not result and b"ORU^R01" in content and b"\rOBX|1|NM" in content:
            result = content
        if admission and result:
            break
    lines = [line for line in result.split(b"\r") if line]
    numbers = [line for line in lines if line.startswith(b"OBX|1|NM")][:1]
    others = [line for line in lines if not line.startswith((b"OBX", b"NTE"))]
    results = [
        numbers[0].replace(b"OBX|1|NM|", b"OBX|%d|NM|%d" % (n, n), 1)
        for n in range(1, _RESULTS + 1)
    ]
    return admission, b"\r".join([*others, *results, b""])


def _large() -> bytes:
    _, results = _samples()
    head = [line for line in results.split(b"\r") if line and not line.startswith(b"OBX")]
    return b"\r".join([*head, b"OBX|1|TX|1^Text^L||" + b"word " * 209_715 + b"||||||F", b""])


def _rate(maps: Maps, content: bytes) -> float:
    """Messages per CPU second, the best of some rounds; each message differs from the one before."""
    changing = varied(content)
    best = 0.0
    for _ in range(_BEST_OF):
        done, spent = 0, 0.0
        while spent < _SECONDS:
            messages = list(itertools.islice(changing, _AT_ONCE))
            began = time.process_time()
            for message in messages:
                _bundle(convert(maps, message, _CONTEXT))
            spent += time.process_time() - began
            done += len(messages)
        best = max(best, done / spent)
    return best
