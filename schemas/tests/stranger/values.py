"""Canonical MessagePack, the shapes of values and the hashes over them: sections 1 and 2 of schemas/README.md."""

import re

import msgpack
from blake3 import blake3


class Fault(Exception):
    def __init__(self, name, detail=""):
        super().__init__(f"{name}: {detail}")
        self.name = name


def need(condition, name, detail=""):
    if not condition:
        raise Fault(name, detail)


# Section 1: values. A shape is a function that checks a decoded value.


def unique_pairs(pairs):
    out = {}
    for key, value in pairs:
        need(isinstance(key, str) and key not in out, "malformed", f"map key {key!r}")
        out[key] = value
    return out


def decode(data):
    try:
        value = msgpack.unpackb(data, raw=False, strict_map_key=False, object_pairs_hook=unique_pairs)
        again = msgpack.packb(value, use_bin_type=True)
    except Fault:
        raise
    except Exception as error:
        raise Fault("malformed", str(error)) from error
    need(again == data, "malformed", "not canonical")
    return value


def integer(low, high):
    def check(value):
        need(type(value) is int and low <= value <= high, "malformed", f"integer {value!r}")

    return check


def binary(size=None):
    def check(value):
        need(type(value) is bytes and size in (None, len(value)), "malformed", "bytes")

    return check


def text(pattern=None, limit=None):
    def check(value):
        need(type(value) is str, "malformed", f"text {value!r}")
        need(pattern is None or re.fullmatch(pattern, value), "malformed", f"text {value!r}")
        need(limit is None or len(value.encode()) <= limit, "malformed", "text too long")

    return check


def boolean(value):
    need(type(value) is bool, "malformed", f"boolean {value!r}")


def anything(_value):
    pass


def optional(shape):
    return lambda value: None if value is None else shape(value)


def listing(shape):
    def check(value):
        need(type(value) is list, "malformed", "list")
        for item in value:
            shape(item)

    return check


def pair(first, second):
    def check(value):
        need(type(value) is list and len(value) == 2, "malformed", "pair")
        first(value[0])
        second(value[1])

    return check


def record(left_out=(), **fields):
    """`left_out`: fields that need not be there."""

    def check(value):
        need(type(value) is dict, "malformed", f"{value!r:.80}")
        expected = [name for name in fields if name in value or name not in left_out]
        need(list(value) == expected, "malformed", f"fields of {value!r:.80}")
        for name in expected:
            fields[name](value[name])

    return check


def enum(*plain, **cases):
    def check(value):
        if type(value) is str:
            need(value in plain, "malformed", f"case {value!r}")
            return
        need(type(value) is dict and len(value) == 1, "malformed", "enum")
        ((case, content),) = value.items()
        need(case in cases, "malformed", f"case {case!r}")
        cases[case](content)

    return check


TOKEN = r"[a-z0-9][a-z0-9_-]{0,62}"
U8, U16, U32, U64 = (integer(0, 2**bits - 1) for bits in (8, 16, 32, 64))
I64 = TIME = integer(-(2**63), 2**63 - 1)
HASH = PUBLIC_KEY = binary(32)
KEY_ID = SALT = COMMAND_ID = TRACE_ID = binary(16)
SIGNATURE = binary(64)
TEXT = text()
NAME = text(TOKEN)
OPERATION = text(rf"{TOKEN}(\.{TOKEN}){{1,5}}", 96)
GRANT = text(rf"(\*|{TOKEN}(\.{TOKEN}){{0,4}}\.\*|{TOKEN}(\.{TOKEN}){{1,5}})(@(\*|{TOKEN})(/(\*|{TOKEN}))?)?")
CURRENCY = text(r"[A-Z]{3}")
MONEY = record(amount_micros=I64, currency=CURRENCY)


def derive(context, *parts):
    return blake3(b"".join(parts), derive_key_context=context).digest()


def batch_leaf(message):
    return derive("infrafabric 2026 batch leaf v1", message)


def batch_path(node, path):
    """The root a path leads to from a node."""
    steps = [path[at : at + 33] for at in range(0, len(path), 33)]
    need(1 <= len(steps) <= 16, "invalid", f"a path of {len(steps)} steps")
    for step in steps:
        need(len(step) == 33 and step[0] in (0, 1), "invalid", "a step of a path")
        pair = (step[1:], node) if step[0] == 0 else (node, step[1:])
        node = derive("infrafabric 2026 batch node v1", *pair)
    return node
