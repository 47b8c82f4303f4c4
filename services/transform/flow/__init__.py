"""What transform does all the time.

`stage` converts, `preview` does for somebody who looks, `worklist` writes down which codes nobody has mapped, `reload` takes in what was agreed
with sources when its files change.
"""

from services.transform.flow.preview import Preview
from services.transform.flow.reload import Agreed, Reloader, read_agreed
from services.transform.flow.stage import TransformStage
from services.transform.flow.worklist import Worklist

__all__ = ["Agreed", "Preview", "Reloader", "TransformStage", "Worklist", "read_agreed"]
