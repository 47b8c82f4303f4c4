"""A proof that an event is in a log, as a document that stands for itself."""

import json

from plexus.api.audit.v1 import audit_pb2
from services.audit.domain.notes import VerifyingKey, open_note
from services.audit.domain.tree import is_included, leaf_hash
from services.cli.auditing.sources import data_member

__all__ = ["document_of", "flaw_in"]


def flaw_in(answer: audit_pb2.ProveEventResponse, keys: list[VerifyingKey]) -> str:
    """What is wrong with a proof; empty where nothing is."""
    opened = open_note(answer.checkpoint.note, keys)
    checkpoint = opened.checkpoint
    if not opened.signed_by or opened.forged:
        return "its checkpoint is not signed by a known key"
    if not is_included(
        leaf_hash(answer.leaf),
        answer.sequence,
        checkpoint.size,
        list(answer.proof),
        checkpoint.root,
    ):
        return "it does not lead to the signed root: verify the log"
    return ""


def document_of(answer: audit_pb2.ProveEventResponse, keys: list[VerifyingKey]) -> str:
    """The proof as JSON: for whoever has docs/verify_audit.py and a key of the log."""
    document = {
        "event_id": answer.event_id,
        "sequence": answer.sequence,
        **data_member(answer.leaf),
        "proof": [one.hex() for one in answer.proof],
        "checkpoint": answer.checkpoint.note,
        "keys": [str(key) for key in keys],
    }
    return json.dumps(document, indent=1, ensure_ascii=False)
