#!/usr/bin/env python3
"""Verifies what an audit log proves, with Python's standard library alone: read it, then run it.

    verify_audit.py proof PROOF.json KEY     the event of `plexus audit prove` is in the log
    verify_audit.py log LOG.ndjson KEY       an exported log is whole and unchanged

KEY is the public key of the log, NAME+ID+KEY, as you were given it; never take it from what you verify.
Hashes are those of RFC 9162 2.1, signatures Ed25519 (RFC 8032 5.1), checkpoints C2SP signed notes.
"""

import base64
import hashlib
import json
import sys

# Ed25519 by its definition: slow, and short enough to be checked against the RFC.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P,
    )


def times(n, point):
    result = (0, 1)
    while n:
        if n & 1:
            result = add(result, point)
        point, n = add(point, point), n >> 1
    return result


def decode(data):
    number = int.from_bytes(data, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - x2) % P or (x == 0 and sign):
        raise ValueError("no point of the curve")
    return (P - x if x & 1 != sign else x, y)


def is_signed(key, message, signature):
    if len(key) != 32 or len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    h = hashlib.sha512(signature[:32] + key + message).digest()
    base = decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    right = add(decode(signature[:32]), times(int.from_bytes(h, "little") % L, decode(key)))
    return s < L and times(s, base) == right


def open_checkpoint(note, key_text):
    """The size and root that the key has signed."""
    name, key_id, encoded = key_text.strip().split("+", 2)
    key = base64.b64decode(encoded, validate=True)
    named = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    if key[:1] != b"\1" or named.hex() != key_id:
        sys.exit("FALSE: this is no Ed25519 key, or its id is wrong")
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    for line in signatures.splitlines():
        _, signer, encoded = line.split(" ")
        packed = base64.b64decode(encoded, validate=True)
        if signer == name and packed[:4] == named and is_signed(key[1:], text.encode(), packed[4:]):
            origin, size, root = text.split("\n")[:3]
            if origin == name:  # the key of a log signs for that log only
                return int(size), base64.b64decode(root, validate=True)
    sys.exit("FALSE: the key has not signed this checkpoint")


def leaf(data):
    return hashlib.sha256(b"\0" + data).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def verify_proof(path, key):
    proof = json.load(open(path, encoding="utf-8"))
    size, root = open_checkpoint(proof["checkpoint"], key)
    place, last, found = proof["sequence"], size - 1, leaf(proof["leaf"].encode())
    if not 0 <= place <= last:
        sys.exit("FALSE: the place lies outside the log")
    for sibling in map(bytes.fromhex, proof["proof"]):
        if not last:
            sys.exit("FALSE: the proof is too long")
        if place & 1 or place == last:
            found = node(sibling, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node(found, sibling)
        place, last = place >> 1, last >> 1
    if last or found != root:
        sys.exit("FALSE: the event does not lead to the signed root")
    print(f"true: event {proof['sequence']} of {size} is\n{proof['leaf']}")


def verify_log(path, key):
    lines = [json.loads(line) for line in open(path, encoding="utf-8")]
    signed = dict(open_checkpoint(one["checkpoint"], key) for one in lines if "checkpoint" in one)
    if len(signed) < len({one["checkpoint"] for one in lines if "checkpoint" in one}):
        sys.exit("FALSE: two checkpoints are of one size")
    pending, count = [], 0  # the hash of each whole subtree with its height, the greatest first
    for one in (one for one in lines if "leaf_hash" in one):
        if one["sequence"] != count:
            sys.exit(f"FALSE: event {count} is missing")
        pending.append((0, leaf(one["leaf"].encode())))
        if pending[-1][1].hex() != one["leaf_hash"]:
            sys.exit(f"FALSE: event {count} was changed")
        count += 1
        while len(pending) > 1 and pending[-1][0] == pending[-2][0]:
            (_, right), (height, left) = pending.pop(), pending.pop()
            pending.append((height + 1, node(left, right)))
        if count in signed:
            found = pending[-1][1]
            for _, subtree in pending[-2::-1]:
                found = node(subtree, found)
            if found != signed[count]:
                sys.exit(f"FALSE: the first {count} events do not lead to the signed root")
    if count != max(signed, default=-1):
        sys.exit(f"FALSE: there are {count} events, and the checkpoints are of {sorted(signed)}")
    print(f"true: {count} events, {len(signed)} checkpoints")


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in {"proof", "log"}:
        sys.exit(__doc__)
    {"proof": verify_proof, "log": verify_log}[sys.argv[1]](*sys.argv[2:])
