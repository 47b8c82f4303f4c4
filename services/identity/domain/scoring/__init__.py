"""Whether two source records are of one person, and why. Pure.

`comparison` finds the level of agreement of each field (`levels`), `model` weighs it, `priors` is the
model that ships, `vetoes` says what no weight outweighs, `verdict` puts it together and explains.
"""

from services.identity.domain.scoring.comparison import Comparison, compare
from services.identity.domain.scoring.model import Model
from services.identity.domain.scoring.priors import shipped_model
from services.identity.domain.scoring.verdict import (
    DEFAULT_THRESHOLDS,
    Grade,
    Row,
    Thresholds,
    Verdict,
    score,
    weigh,
)

__all__ = [
    "DEFAULT_THRESHOLDS",
    "Comparison",
    "Grade",
    "Model",
    "Row",
    "Thresholds",
    "Verdict",
    "compare",
    "score",
    "shipped_model",
    "weigh",
]
