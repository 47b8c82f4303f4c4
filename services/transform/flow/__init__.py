"""What transform does all the time.

`stage` converts, `worklist` writes down which codes nobody has mapped, `reload` takes in what was agreed
with sources when its files change.
"""

from services.transform.flow.reload import Agreed, Reloader, read_agreed
from services.transform.flow.stage import TransformStage
from services.transform.flow.worklist import Worklist

__all__ = ["Agreed", "Reloader", "TransformStage", "Worklist", "read_agreed"]
