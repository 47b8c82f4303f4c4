"""Precision, recall and F1 by threshold, as a picture."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from services.identity.domain.evaluation import Evaluation, Figures

__all__ = ["draw"]

_WIDTH: Final = 1000
_HEIGHT: Final = 620
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 24, 50, 70
_LOW: Final = -20.0
_HIGH: Final = 40.0
_FLOOR: Final = 0.5
"""Below half, curves are not told apart any more."""
_COLOURS: Final = {"precision": "#1f5fa8", "recall": "#c2571a", "f1": "#2b7a3d"}
_GRID: Final = "#dddddd"
_INK: Final = "#222222"


def draw(path: Path, done: Evaluation) -> None:
    """Write a PNG with one curve for each figure, and both thresholds."""
    picture = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(15)
    _axes(pen, font)
    curve = [each for each in done.curve() if _LOW <= each.threshold <= _HIGH]
    for number, (name, colour) in enumerate(_COLOURS.items()):
        _line(pen, [(each.threshold, _of(each, name)) for each in curve], colour)
        pen.text((_LEFT + 10 + 110 * number, 16), name, fill=colour, font=font)
    for words, bits in (("review", done.thresholds.review), ("match", done.thresholds.match)):
        across = _x(bits)
        pen.line([(across, _TOP), (across, _HEIGHT - _BOTTOM)], fill=_INK, width=1)
        pen.text((across + 4, _HEIGHT - _BOTTOM - 22), words, fill=_INK, font=font)
    picture.save(path, "PNG")


def _of(figures: Figures, name: str) -> float:
    return {"precision": figures.precision, "recall": figures.recall, "f1": figures.f1}[name]


def _axes(pen: ImageDraw.ImageDraw, font: "ImageFont.FreeTypeFont | ImageFont.ImageFont") -> None:
    for share in _steps(_FLOOR, 1.0, 0.1):
        up = _y(share)
        pen.line([(_LEFT, up), (_WIDTH - _RIGHT, up)], fill=_GRID)
        pen.text((_LEFT - 42, up - 9), f"{share:.1f}", fill=_INK, font=font)
    for bits in _steps(_LOW, _HIGH, 10.0):
        across = _x(bits)
        pen.line([(across, _TOP), (across, _HEIGHT - _BOTTOM)], fill=_GRID)
        pen.text((across - 10, _HEIGHT - _BOTTOM + 8), f"{bits:.0f}", fill=_INK, font=font)
    pen.text((_WIDTH // 2 - 60, _HEIGHT - 32), "taken from so many bits on", fill=_INK, font=font)


def _line(pen: ImageDraw.ImageDraw, points: Sequence[tuple[float, float]], colour: str) -> None:
    if len(points) > 1:
        pen.line([(_x(bits), _y(share)) for bits, share in points], fill=colour, width=2)


def _x(bits: float) -> float:
    return _LEFT + (bits - _LOW) / (_HIGH - _LOW) * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _TOP + (1.0 - max(_FLOOR, share)) / (1.0 - _FLOOR) * (_HEIGHT - _TOP - _BOTTOM)


def _steps(low: float, high: float, step: float) -> Iterable[float]:
    return [low + step * number for number in range(round((high - low) / step) + 1)]
