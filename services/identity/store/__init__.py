"""What identity persists.

`index` holds which person each identifier names, `records` what sources say of them, `models` the weights
by which that is compared; `reviews`, `decisions` and `assertions` what people are asked, do and say.
"""

from services.identity.store.assertions import AssertionStore
from services.identity.store.changes import Change, ChangeStore
from services.identity.store.decisions import Decided, Decision, DecisionStore, Logged, Unpublished
from services.identity.store.index import IndexStore, LinkedName, lock_number
from services.identity.store.models import ModelStore
from services.identity.store.records import Blocks, RecordStore
from services.identity.store.report import Report, read_report
from services.identity.store.reviews import Question, ReviewRow, ReviewStore

__all__ = [
    "AssertionStore",
    "Blocks",
    "Change",
    "ChangeStore",
    "Decided",
    "Decision",
    "DecisionStore",
    "IndexStore",
    "LinkedName",
    "Logged",
    "ModelStore",
    "Question",
    "RecordStore",
    "Report",
    "ReviewRow",
    "ReviewStore",
    "Unpublished",
    "lock_number",
    "read_report",
]
