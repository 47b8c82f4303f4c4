"""The fuzz targets hold on our own messages, so that `make fuzz` begins from what works.

The fuzzer itself is not run here: it takes minutes and another wheel.
"""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[4]
_TARGETS: dict[str, Callable[[bytes], None]] = runpy.run_path(str(_ROOT / "fuzz" / "targets.py"))[
    "TARGETS"
]
_SEEDS = sorted((_ROOT / "tests" / "data" / "feeds").rglob("*.hl7"))


@pytest.mark.parametrize("name", _TARGETS)
def test_a_target_holds_on_every_seed_and_its_pieces(name: str) -> None:
    target = _TARGETS[name]
    target(b"")
    assert len(_SEEDS) > 100
    for seed in _SEEDS:
        content = seed.read_bytes()
        target(content)
        target(content[len(content) // 2 :])
        target(content[: len(content) // 3])


def test_a_target_fails_where_a_promise_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(content: bytes) -> None:
        raise ValueError(len(content))

    monkeypatch.setitem(_TARGETS["batch"].__globals__, "read_batch", broken)
    with pytest.raises(ValueError, match="3"):
        _TARGETS["batch"](b"abc")
