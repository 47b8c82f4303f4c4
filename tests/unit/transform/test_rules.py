"""Every rule of the maps, by itself: it fires where it should, writes what it should, and not otherwise.

The tests make their own inputs (`rule_inputs`) and compare the map with itself without the rule
(`rule_runs`), so a new rule is under test as soon as it is written, and a rule that can never fire is
found. Out of scope: which map runs on which segment of a message (`test_structures`), and FHIR.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.message import Message as ProtoMessage

from plexus.codecs.hl7v2.groups import grammar_of
from services.transform.domain.conditions import Place
from services.transform.domain.notation import Code, Rule, Section
from services.transform.domain.structures import Structure
from services.transform.domain.times import clock_time, date_time
from tests.unit.transform.messages import CONTEXT
from tests.unit.transform.rule_inputs import Inputs, asks_for_targets, inputs_for, is_sourced
from tests.unit.transform.rule_runs import (
    MAPS,
    RULES,
    SECTIONS,
    STRUCTURES,
    TABLES,
    Outcome,
    Runner,
    runners,
)

_ENOUGH = 24


def _named(rules: Iterable[tuple[Section, Rule]]) -> list[Any]:
    return [
        pytest.param(section, rule, id=f"{section.label} {rule.where.rpartition('/')[2]}")
        for section, rule in rules
    ]


EVERY = _named(RULES)
CONDITIONAL = _named(pair for pair in RULES if pair[1].condition is not None)


def without(section: Section, rule: Rule) -> tuple[Rule, ...]:
    return tuple(other for other in section.rules if other is not rule)


def unconditional(section: Section, rule: Rule) -> tuple[Rule, ...]:
    return tuple(replace(o, condition=None) if o is rule else o for o in section.rules)


def is_for(runner: Runner, inputs: Inputs) -> bool:
    return runner.completes or not inputs.said


def firing(runner: Runner, rule: Rule) -> tuple[Inputs, Outcome]:
    """The first input for which the rule makes a difference, and what the map makes of it."""
    rest = without(runner.section, rule)
    for inputs in inputs_for(runner.section, rule, TABLES, holds=True):
        if is_for(runner, inputs):
            outcome = runner.run(inputs)
            if outcome.says() != runner.run(inputs, instead=rest).says():
                return inputs, outcome
    pytest.fail(f"{rule.where}: nothing lets the rule fire")


@pytest.mark.parametrize(("section", "rule"), EVERY)
def test_the_rule_fires_and_writes_what_it_reads(section: Section, rule: Rule) -> None:
    found = list(runners(section))
    assert found, f"{section.where}: no structure and no rule calls {section.label}"
    for runner in found:
        inputs, outcome = firing(runner, rule)
        if rule.drops:
            assert isinstance(rule.source, Place)
            place = f"{rule.source.unit}[1]-{rule.source.numbers[0]}["
            assert any(dropped.startswith(place) for dropped in outcome.dropped)
        else:
            holds_what_is_read(rule, inputs, outcome)
            holds_its_constants(rule, outcome)


@pytest.mark.parametrize(("section", "rule"), CONDITIONAL)
def test_the_rule_does_nothing_where_its_condition_does_not_hold(
    section: Section, rule: Rule
) -> None:
    rest, always = without(section, rule), unconditional(section, rule)
    for runner in runners(section):
        idle = decided = 0
        for inputs in inputs_for(section, rule, TABLES, holds=False):
            if not is_for(runner, inputs):
                continue
            outcome, expected = runner.run(inputs).says(), runner.run(inputs, instead=rest)
            if outcome != expected.says():
                assert asks_for_targets(rule), f"{rule.where}: fires for {inputs}"
                continue
            idle += 1
            if decided >= _ENOUGH:
                break
            decided += (
                runner.run(inputs, instead=always).says() != outcome
                or (not rule.drops and bool(values_at(expected.target, rule.path)))
                or not is_sourced(rule, inputs)
            )
        assert idle, f"{rule.where}: nothing keeps the rule from firing"
        assert decided, f"{rule.where}: with or without its condition the rule does the same"


def test_every_map_is_run_by_a_structure_or_called_by_a_rule() -> None:
    run = {
        step.map for structure in STRUCTURES for steps in structure.steps.values() for step in steps
    }
    called = {rule.datatype for _, rule in RULES}
    for section in SECTIONS:
        needed = section.label in run if section.kind == "segment" else section.name in called
        assert needed, f"{section.where}: nobody needs {section.label}"


def test_what_a_condition_names_can_be_there() -> None:
    """Some message that runs the map may hold each segment that its rules name, and has each trigger."""
    by_map: dict[str, list[Structure]] = {}
    for structure in STRUCTURES:
        for step in itertools.chain.from_iterable(structure.steps.values()):
            by_map.setdefault(step.map, []).append(structure)
    for section, rule in RULES:
        if section.kind != "segment":
            continue
        structures = by_map[section.label]
        triggers = {trigger for structure in structures for _, trigger in structure.events}
        grammars = [grammar_of(structure.name) for structure in structures]
        near = {name for grammar in grammars if grammar is not None for name in grammar.root.names}
        for name, wanted in named(rule):
            there = triggers if name == "TRIGGER" else near
            assert wanted in there, f"{rule.where}: no message that runs it has {name} {wanted}"


def named(rule: Rule) -> Iterator[tuple[str, str]]:
    """Segments and triggers that a rule names."""
    if isinstance(rule.source, Place):
        yield "segment", rule.source.unit
    for node in rule.condition.walk() if rule.condition else ():
        if node.place is not None:
            yield "segment", node.place.unit
        elif node.operator in {"EQUALS", "IN"}:
            yield from (("TRIGGER", trigger) for trigger in node.operands)


# -- what is expected -----------------------------------------------------------------------------


def values_at(message: ProtoMessage, path: str) -> list[Any]:
    """All that is set at the path, in every element."""
    at: list[Any] = [message]
    for part in path.split("."):
        name = part.partition("[")[0]
        found: list[Any] = []
        for each in at:
            field = each.DESCRIPTOR.fields_by_name[name]
            if field.is_repeated:
                found += getattr(each, name)
            elif (field.has_presence and each.HasField(name)) or (
                not field.has_presence and getattr(each, name)
            ):
                found.append(getattr(each, name))
        at = found
    return at


def texts_of(value: Any) -> Iterator[str]:
    """All texts in a value."""
    if not isinstance(value, ProtoMessage):
        yield value.decode() if isinstance(value, bytes) else str(value)
        return
    for field, said in value.ListFields():
        for each in said if field.is_repeated else [said]:
            yield from texts_of(each)


def holds_what_is_read(rule: Rule, inputs: Inputs, outcome: Outcome) -> None:
    found = values_at(outcome.target, rule.path)
    texts = [text for value in found for text in texts_of(value)]
    source = rule.source
    if isinstance(source, Code):
        system = MAPS.library.systems[source.system]
        assert any((c.system, c.code) == (system, source.code) for v in found for c in v.codings)
    elif isinstance(source, Place):
        assert found, f"{rule.where}: nothing is at {rule.path}"
        of_place(rule, source, inputs, texts, outcome)
    elif source == "$authority":
        assert CONTEXT.authority in texts
    else:
        expected = {"true": "True", "false": "False"}.get(source[1:-1], source[1:-1])
        assert expected in texts or source[1:-1] in texts


def of_place(rule: Rule, place: Place, inputs: Inputs, texts: list[str], outcome: Outcome) -> None:
    """That the target holds what is at the place, as its datatype or table has it."""
    leaf = inputs.text(place)
    if rule.table and rule.datatype:
        table = TABLES[rule.table]
        assert leaf in texts
        assert leaf not in table.codings or table.codings[leaf][1] in texts
    elif rule.table:
        code = TABLES[rule.table].codes[leaf]
        assert code in texts or {"true": "True", "false": "False"}.get(code) in texts
    elif rule.datatype in {"", "ST", "TX", "NM", "SI"}:
        assert any(leaf in text.split("\n") for text in texts)
    elif rule.datatype == "DTM":
        assert date_time(leaf, None) in texts
    elif rule.datatype == "TM":
        assert clock_time(leaf) in texts
    else:
        for resource in outcome.draft.event.resources:
            texts += texts_of(resource)
        leaves = inputs.texts(place)
        assert any(date_time(leaf, None) in texts or leaf in texts for leaf in leaves)


def holds_its_constants(rule: Rule, outcome: Outcome) -> None:
    parent, dot, _ = rule.path.rpartition(".")
    for constant in rule.constants:
        path = f"{parent}{dot}{constant.path}" if dot else f"{rule.path}.{constant.path}"
        found = values_at(outcome.target, path)
        if isinstance(constant.value, Code):
            assert any(constant.value.code in texts_of(value) for value in found)
        else:
            wanted = {"true": True, "false": False}.get(constant.value, constant.value)
            assert wanted in found
