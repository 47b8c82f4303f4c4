"""Security labels that follow from what data say: which codes are sensitive, by rule files.

Labels are found when a decision needs them, from the codes of the data then: so another version of the
rules holds from the next decision on, for old data too. A rule file is YAML:

    id: us-sensitive
    version: "1"
    rules:
      - id: hiv
        basis: state law on HIV records      # for who reads it
        labels: [HIV]                        # sensitivity codes of HL7 v3-ActCode
        confidentiality: R                   # of v3-Confidentiality; may be left out
        confidence: 0.9                      # how sure the rule is, 0 to 1; 1 where left out
        codes:
          - system: http://hl7.org/fhir/sid/icd-10-cm
            prefixes: [B20, Z21]
          - system: http://loinc.org
            codes: [7917-8]
"""

import hashlib
import importlib.resources
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import yaml

from plexus.codecs.fhir.definitions import code_system
from plexus.errors import ConfigurationError
from services.consent.domain.codes import ACT_CODE, CONFIDENTIALITY, LEVELS, system_uri, token

__all__ = ["NO_LABELS", "Found", "LabelRules", "Labeller", "read_label_rules", "shipped_rules"]

_MEMBERS: Final = frozenset({"id", "version", "rules"})
_RULE: Final = frozenset({"id", "basis", "labels", "confidentiality", "confidence", "codes"})
_SET: Final = frozenset({"system", "codes", "prefixes"})
_LONGEST_PREFIX: Final = 20


class Found(NamedTuple):
    """A label, and what says so.

    Attributes:
        label: as `system|code`.
        rule: `file@version rule`.
    """

    label: str
    rule: str
    confidence: float


class LabelRules(NamedTuple):
    """One file of rules.

    Attributes:
        name: `id@version`.
        digest: hash of its text.
        codes, prefixes: what is found, by `system|code` or `system|beginning of a code`.
    """

    name: str
    digest: str
    codes: Mapping[str, tuple[Found, ...]]
    prefixes: Mapping[str, tuple[Found, ...]]


def shipped_rules() -> list[str]:
    """Names of the rule files that are shipped."""
    folder = importlib.resources.files(__package__) / "labels"
    return sorted(each.name.removesuffix(".yaml") for each in folder.iterdir())


def read_label_rules(name: str | pathlib.Path) -> LabelRules:
    """Read a rule file: a path, or the name of a shipped one.

    Raises:
        ConfigurationError: it cannot be read, or says what cannot be understood.
    """
    if isinstance(name, str):
        file = importlib.resources.files(__package__) / "labels" / f"{name}.yaml"
        if name not in shipped_rules():
            shipped = ", ".join(shipped_rules())
            raise ConfigurationError(f"no label rules are shipped as {name}; there is {shipped}")
        text = file.read_text(encoding="utf-8")
    else:
        try:
            text = name.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigurationError(f"{name}: cannot be read") from exc
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise ConfigurationError(f"{name}{line}: is no YAML") from exc
    try:
        return _rules(read, hashlib.sha256(text.encode()).hexdigest()[:16])
    except ConfigurationError as exc:
        raise ConfigurationError(f"{name}: {exc.detail}") from exc


def _rules(read: Any, digest: str) -> LabelRules:
    _expect(read, _MEMBERS, "the file")
    if not read.get("id") or not read.get("version"):
        raise ConfigurationError("must have an id and a version")
    name = f"{read['id']}@{read['version']}"
    codes: dict[str, tuple[Found, ...]] = {}
    prefixes: dict[str, tuple[Found, ...]] = {}
    seen: set[str] = set()
    for place, rule in enumerate(_list(read.get("rules"), "rules")):
        where = f"rules[{place}]"
        _expect(rule, _RULE, where)
        if not rule.get("id") or rule["id"] in seen:
            raise ConfigurationError(f"{where}: must have an id of its own")
        seen.add(rule["id"])
        found = _found(rule, f"{name} {rule['id']}", where)
        for each in _list(rule.get("codes"), f"{where}.codes"):
            _expect(each, _SET, f"{where}.codes")
            system = system_uri(str(each.get("system") or ""))
            if not system or not (each.get("codes") or each.get("prefixes")):
                raise ConfigurationError(
                    f"{where}.codes: must have a system, and codes or prefixes"
                )
            for member, into in (("codes", codes), ("prefixes", prefixes)):
                for code in _list(each.get(member) or [], f"{where}.codes.{member}"):
                    if not isinstance(code, str) or not 0 < len(code) <= _LONGEST_PREFIX:
                        raise ConfigurationError(
                            f"{where}.codes.{member}: must be texts, in quotes"
                        )
                    key = f"{system}|{code}"
                    into[key] = (*into.get(key, ()), *found)
    return LabelRules(name, digest, codes, prefixes)


def _found(rule: Mapping[str, Any], name: str, where: str) -> tuple[Found, ...]:
    confidence = rule.get("confidence", 1)
    if not isinstance(confidence, int | float) or not 0 < confidence <= 1:
        raise ConfigurationError(f"{where}.confidence: must be above 0 and at most 1")
    known = code_system(ACT_CODE) or frozenset()
    labels = []
    for label in _list(rule.get("labels"), f"{where}.labels"):
        if label not in known:
            raise ConfigurationError(f"{where}.labels: is no code of v3-ActCode")
        labels.append(f"{ACT_CODE}|{label}")
    level = rule.get("confidentiality")
    if level is not None:
        if level not in LEVELS:
            levels = ", ".join(LEVELS)
            raise ConfigurationError(f"{where}.confidentiality: must be one of {levels}")
        labels.append(f"{CONFIDENTIALITY}|{level}")
    return tuple(Found(label, name, float(confidence)) for label in labels)


def _expect(found: Any, members: frozenset[str], where: str) -> None:
    if not isinstance(found, Mapping) or not members.issuperset(found):
        raise ConfigurationError(f"{where}: holds {', '.join(sorted(members))} and no more")


def _list(found: Any, where: str) -> Sequence[Any]:
    if not isinstance(found, list):
        raise ConfigurationError(f"{where}: must be a list")
    return found


class Labeller:
    """The rules that hold for a tenant.

    Attributes:
        version: content hash; empty where there are no rules.
    """

    def __init__(self, rules: Iterable[LabelRules] = (), least_confidence: float = 0.0) -> None:
        """Put them together. What is less sure than `least_confidence` labels nothing."""
        self._rules = tuple(rules)
        self._least = least_confidence
        self.version = ""
        if self._rules:
            told = "|".join([*(each.digest for each in self._rules), f"{least_confidence}"])
            self.version = hashlib.sha256(told.encode()).hexdigest()[:16]

    def __bool__(self) -> bool:
        return bool(self._rules)

    def find(self, codes: Iterable[str]) -> list[Found]:
        """What codes (`system|code`) say of the data that have them; each label of a rule once."""
        found: dict[Found, None] = {}
        for code in map(token, codes):
            system, _, own = code.rpartition("|")
            for rules in self._rules:
                found.update(dict.fromkeys(rules.codes.get(code, ())))
                if rules.prefixes:
                    for end in range(1, min(len(own), _LONGEST_PREFIX) + 1):
                        key = f"{system}|{own[:end]}"
                        found.update(dict.fromkeys(rules.prefixes.get(key, ())))
        return [each for each in found if each.confidence >= self._least]

    def labels(self, codes: Iterable[str]) -> frozenset[str]:
        """The labels alone."""
        return frozenset(each.label for each in self.find(codes))


NO_LABELS: Final = Labeller()
