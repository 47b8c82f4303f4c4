"""Invented populations with the truth beside: what makes matching hard, in known measure.

`people` invents who there is: families in their homes. `telling` is how source systems tell of them: over
years, with moves and marriages, mistakes and gaps. Nobody in it exists.
"""

from services.cli.evaluating.population.people import Human, invent
from services.cli.evaluating.population.telling import COLUMNS, tell

__all__ = ["COLUMNS", "Human", "invent", "tell"]
