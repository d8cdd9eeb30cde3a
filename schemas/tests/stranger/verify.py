#!/usr/bin/env python3
"""Verifies InfraFabric logs. Written from schemas/README.md alone; section numbers below are that page's.

    verify.py export FILE [--log HEX]     one export file (section 11); exit 0 or 6
    verify.py vectors DIR                 all golden vectors: valid ones pass, invalid ones fail with their fault
"""

import argparse
import json
import re
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path

import msgpack
from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from runs import OUTCOME, POLICY, RUN_OP, STEP_REF, TARGET, Runs, check_change, covers as order_covers, leaf_hash
from values import (
    COMMAND_ID, CURRENCY, GRANT, HASH, I64, KEY_ID, MONEY, NAME, OPERATION, PUBLIC_KEY, SALT, SIGNATURE, TEXT, TIME,
    TRACE_ID, U8, U32, U64, Fault, anything, batch_leaf, batch_path, binary, boolean, decode, derive, enum, listing,
    need, optional, pair, record,
)

# Section 12.
ENTRY_MAX, ENVELOPE_MAX, PAYLOAD_MAX, MESSAGE_MAX = 65_535, 32_768, 524_288, 786_432
RECORD_MAX = ENTRY_MAX + PAYLOAD_MAX + 1_024
GRANTS_MAX = MEMBERS_MAX = 64
PINS_MAX = 256
POLICIES_MAX, POLICY_GRANTS_MAX, GUARDIANS_MAX = 64, 16, 32
GRACE_US = 2_000_000
HOUR_US = 3_600_000_000
WINDOW_MAX_US = {"day": 25 * HOUR_US, "week": 169 * HOUR_US, "month": 745 * HOUR_US}
LINES_MAX, BUDGETS_MAX, RATES_MAX, PRICES_MAX = 8, 128, 256, 1_024
MAGIC = b"infrafabric export v1\n"


UNITS = ("call", "message", "minute", "hour", "input_token", "cached_input_token", "output_token", "amount")
UNIT = enum(*UNITS)


def counted(value):
    """A map from units to u64, in the order of the units."""
    need(type(value) is dict, "malformed", "usage")
    for unit, number in value.items():
        UNIT(unit)
        U64(number)
    need(list(value) == sorted(value, key=UNITS.index), "malformed", "order of units")


RATE = record(unit=UNIT, amount_micros=I64, per=U32)
QUOTE = record(table=TEXT, sku=TEXT, currency=CURRENCY, lines=listing(record(rate=RATE, most=U64)))
SCOPE = enum(
    "global", provider=NAME, instance=record(provider=NAME, instance=NAME), operator=NAME, family=NAME, session=NAME
)
BUDGET_KEY = record(scope=SCOPE, period=enum("day", "week", "month"))
MODE = enum("hard", "soft")
FINANCE_OPS = {
    "set_budget": (record(key=BUDGET_KEY, limit=MONEY, mode=MODE, zone=TEXT), "optimise.budget.set"),
    "remove_budget": (BUDGET_KEY, "optimise.budget.remove"),
    "set_price": (
        record(
            provider=NAME, sku=TEXT, prices=record(rates=listing(RATE), limits=counted), currency=CURRENCY, source=TEXT
        ),
        "optimise.price.set",
    ),
    "remove_price": (record(provider=NAME, sku=TEXT), "optimise.price.remove"),
    "set_rate": (
        record(**{"from": CURRENCY}, to=CURRENCY, rate_micros=I64, as_of=TEXT, source=TEXT), "optimise.rate.set"
    ),
    "remove_rate": (record(**{"from": CURRENCY}, to=CURRENCY), "optimise.rate.remove"),
    "set_reporting": (CURRENCY, "optimise.reporting.set"),
}

# Sections 3 to 6, 10.
KINDS = (
    "command", "trust", "genesis", "result", "progress", "head", "receipt", "presence", "finance", "tariff", "state",
    "run",
)
ENVELOPE = record(("path",), v=U8, kind=enum(*KINDS), key=KEY_ID, body=binary(), sig=SIGNATURE, path=binary())
PAYLOAD = record(salt=SALT, bytes=binary())
STATUS = enum("succeeded", "failed", "indeterminate", "expired")
EFFECT = enum("read", "idempotent", "once")
LEG = record(instance=NAME, status=optional(STATUS), code=optional(TEXT))
CODES = """malformed unsupported_version too_large payload_mismatch subject_mismatch unknown_key bad_signature key_revoked
not_allowed bad_trust_change clock_skew expired id_reused bad_deadline no_worker unknown_operation effect_mismatch overloaded
trigger_loop unknown_command wrong_worker already_settled cost_exceeds_reservation wrong_cost budget_exceeded price_unknown
rate_unknown bad_finance_change unavailable unknown_run run_conflict not_in_order run_not_going step_done approval_missing
cost_cap_exceeded bad_run_change""".split()
REJECT = record(code=enum(*CODES), message=TEXT, hint=optional(TEXT))
MEMBER = record(name=NAME, key=PUBLIC_KEY, role=enum("admin", "operator", "worker", "broker"), grants=listing(GRANT))
TRUST_OP = enum(
    add=MEMBER, revoke=KEY_ID, rotate=PUBLIC_KEY, pin=record(plugin=NAME, hash=HASH), unpin=record(plugin=NAME),
    guard=record(name=NAME, policy=POLICY), unguard=record(name=NAME),
)
HEAD = record(log=HASH, index=U64, hash=HASH, at=TIME)
ESTIMATE = record(reserved=MONEY, quote=QUOTE, budgets=listing(record(
    key=BUDGET_KEY, mode=MODE, limit=MONEY, available=MONEY, needs=MONEY, resets_at=TIME,
)))
STATES = ("ok", "connecting", "disconnected", "authentication_failure", "bad_config", "unknown_error")
BODIES = {
    "command": record(
        ("run",), id=COMMAND_ID, trace=TRACE_ID, issued_at=TIME, deadline=TIME, operation=OPERATION, provider=NAME, instance=NAME,
        effect=EFFECT, dry_run=boolean, session=optional(NAME), payload=HASH,
        run=STEP_REF,
    ),
    "run": record(id=COMMAND_ID, trace=TRACE_ID, issued_at=TIME, deadline=TIME, op=RUN_OP, payload=optional(HASH)),
    "result": record(
        ("route",), command=COMMAND_ID, entry=HASH, status=STATUS, started_at=TIME, finished_at=TIME, attempt=U32, simulated=boolean,
        cost=MONEY, price_table=optional(TEXT), usage=optional(counted), payload=HASH,
        route=record(mode=enum("failover", "mirror"), main=LEG, backup=LEG),
    ),
    "genesis": record(created_at=TIME, nonce=HASH, members=listing(MEMBER)),
    "trust": record(id=COMMAND_ID, issued_at=TIME, deadline=TIME, op=TRUST_OP),
    "finance": record(
        id=COMMAND_ID, issued_at=TIME, deadline=TIME, op=enum(**{op: shape for op, (shape, _) in FINANCE_OPS.items()})
    ),
    "head": HEAD,
    "receipt": record(
        command=optional(COMMAND_ID), head=optional(HEAD), verdict=enum("accepted", would_accept=record(estimate=optional(ESTIMATE)), rejected=REJECT)
    ),
    "progress": record(command=COMMAND_ID, sequence=U32, at=TIME, message=TEXT, data=optional(anything)),
    "presence": record(
        node=NAME, version=TEXT, at=TIME, sequence=U64, leaving=boolean,
        instances=listing(record(
            provider=NAME, instance=NAME, state=enum(*STATES), detail=optional(TEXT), since=TIME, simulated=boolean,
        )),
        providers=listing(record(
            provider=NAME, operations=listing(pair(OPERATION, EFFECT)), tariff=optional(HASH),
        )),
    ),
    "tariff": record(node=NAME, provider=NAME, at=TIME, sequence=U64, document=HASH),
    "state": record(
        node=NAME, provider=NAME, instance=NAME, path=TEXT, at=TIME, sequence=U64, value=optional(anything),
    ),
}
SETTLEMENT = record(posted=MONEY, voided=MONEY)
ENTRY = record(v=U8, index=U64, prev=HASH, at=TIME, body=enum(
    genesis=record(envelope=ENVELOPE),
    admitted=record(envelope=ENVELOPE, worker=NAME, reserved=MONEY, quote=optional(QUOTE)),
    rejected=record(envelope=ENVELOPE, reject=REJECT),
    completed=record(envelope=ENVELOPE, settlement=SETTLEMENT),
    unresolved=record(command=COMMAND_ID, status=STATUS, reason=TEXT, settlement=SETTLEMENT),
    late=record(envelope=ENVELOPE),
    trust=record(envelope=ENVELOPE),
    finance=record(envelope=ENVELOPE),
    period=record(budget=BUDGET_KEY, start=TIME, end=TIME),
    run=record(
        ("quotes",), envelope=ENVELOPE,
        quotes=listing(record(step=U32, operation=OPERATION, target=TARGET, quote=QUOTE)),
    ),
    lease=record(run=COMMAND_ID),
    run_over=record(run=COMMAND_ID, outcome=OUTCOME, by=optional(COMMAND_ID)),
))
SUBMISSION = record(envelope=ENVELOPE, payload=optional(PAYLOAD))
COMMITTED = record(
    ("order",), entry=binary(), head=ENVELOPE, payload=optional(PAYLOAD), signer=optional(PUBLIC_KEY), order=ENVELOPE
)
RECORD = enum(
    header=record(v=U8, log=HASH, **{"from": U64}, prev=HASH, broker=PUBLIC_KEY),
    trust=record(entry=binary()),
    entry=record(entry=binary(), payload=optional(PAYLOAD)),
    footer=record(head=ENVELOPE),
)


def read(data, shape, limit, versioned=False):
    need(len(data) <= limit, "too_large", f"{len(data)} bytes")
    if versioned:
        check_version(data)
    value = decode(data)
    shape(value)
    return value


def check_version(data):
    """Another version is named as such, whatever else is wrong."""
    try:
        value = msgpack.unpackb(data, raw=False, strict_map_key=False)
    except Exception:
        return
    if isinstance(value, dict) and type(value.get("v")) is int:
        need(value["v"] == 1, "version", str(value["v"]))


# Sections 2 to 4.


def key_id(public):
    return derive("infrafabric 2026 key id v1", public)[:16]


def entry_hash(data):
    return derive("infrafabric 2026 entry v1", data)


def usable(public):
    return crypto_core_ed25519_is_valid_point(public)


def signed_message(kind, key, body):
    return b"infrafabric.v1\x00" + kind.encode() + b"\x00" + key + body


def open_envelope(envelope, public, kind):
    need(envelope["v"] == 1, "version", str(envelope["v"]))
    need(len(msgpack.packb(envelope, use_bin_type=True)) <= ENVELOPE_MAX, "too_large", "envelope")
    need(envelope["kind"] == kind, "kind", f"{envelope['kind']} instead of {kind}")
    need("path" not in envelope or kind in ("head", "receipt"), "invalid", f"a {kind} with a path")
    need(key_id(public) == envelope["key"], "wrong_key", envelope["key"].hex())
    message = signed_message(kind, envelope["key"], envelope["body"])
    if "path" in envelope:
        message = signed_message("batch", envelope["key"], batch_path(batch_leaf(message), envelope["path"]))
    try:
        VerifyKey(public).verify(message, envelope["sig"])
    except (BadSignatureError, ValueError) as error:
        raise Fault("bad_signature", str(error)) from error
    body = decode(envelope["body"])
    BODIES[kind](body)
    return body


def open_committed_head(envelope, public):
    if envelope["kind"] != "receipt":
        return open_envelope(envelope, public, "head")
    head = open_envelope(envelope, public, "receipt")["head"]
    need(head is not None, "invalid", "the receipt states no head")
    return head


def check_payload(payload, commitment):
    need(len(payload["bytes"]) <= PAYLOAD_MAX, "too_large", "payload")
    found = derive("infrafabric 2026 payload v1", payload["salt"], payload["bytes"])
    need(found == commitment, "hash_mismatch", "payload")


# Section 7.


def covers(grant, provider, instance, operation=None):
    operations, _, target = grant.partition("@")
    grant_provider, _, grant_instance = (target or "*").partition("/")
    if operation is not None:
        fits = operation.startswith(operations[:-1]) if operations.endswith("*") else operation == operations
        if not fits:
            return False
    return grant_provider in ("*", provider) and (grant_instance or "*") in ("*", instance)


def check_policy(policy):
    above, guard = policy["above"], policy["guard"]
    need(1 <= len(policy["operations"]) <= POLICY_GRANTS_MAX, "bad_trust_change", "operations of a policy")
    need(above is None or above["amount_micros"] >= 0, "bad_trust_change", "a negative amount")
    few = len(guard["of"]) <= GUARDIANS_MAX and len(guard["veto"]) <= GUARDIANS_MAX
    need(few and 0 < guard["need"] <= sum(guard["of"].values()), "bad_trust_change", "guardians")


class Trust:
    def __init__(self):
        self.rows = {}  # key id -> {member, added, revoked}
        self.pins = {}  # plugin -> (hash, index)
        self.policies = {}  # name -> policy

    def active(self):
        return [row for row in self.rows.values() if row["revoked"] is None]

    def row(self, key):
        need(key in self.rows, "unknown_key", key.hex())
        return self.rows[key]

    def active_row(self, key):
        row = self.row(key)
        need(row["revoked"] is None, "key_revoked", key.hex())
        return row

    def serves(self, name, target):
        members = (row["member"] for row in self.rows.values() if row["revoked"] is None)
        return any(
            m["name"] == name and m["role"] == "worker"
            and any(covers(g, target["provider"], target["instance"]) for g in m["grants"])
            for m in members
        )

    def allow(self, member, provider, instance, operation):
        granted = member["role"] == "admin" or member["role"] == "operator" and any(
            covers(g, provider, instance, operation) for g in member["grants"]
        )
        need(granted, "not_allowed", member["name"])

    def may_touch(self, member, provider, instance):
        granted = member["role"] == "operator" and any(covers(g, provider, instance) for g in member["grants"])
        return member["role"] == "admin" or granted

    def insert(self, member, index):
        self.rows[key_id(member["key"])] = {"member": member, "added": index, "revoked": None}

    def check_new_key(self, public):
        need(usable(public), "bad_trust_change", "key is not usable")
        need(key_id(public) not in self.rows, "bad_trust_change", "key was used before")

    def check_new(self, member):
        need(len(member["grants"]) <= GRANTS_MAX, "bad_trust_change", "too many grants")
        others = [row["member"] for row in self.active()]
        need(all(m["name"] != member["name"] for m in others), "bad_trust_change", "name is taken")
        if member["role"] == "broker":
            need(all(m["role"] != "broker" for m in others), "bad_trust_change", "second broker")
        self.check_new_key(member["key"])

    def begin(self, envelope):
        try:
            body = decode(envelope["body"])
            BODIES["genesis"](body)
            signer = [m for m in body["members"] if key_id(m["key"]) == envelope["key"]]
            need(signer and signer[0]["role"] == "admin", "genesis", "signer is no admin in it")
            open_envelope(envelope, signer[0]["key"], "genesis")
            need(len(body["members"]) <= MEMBERS_MAX, "genesis", "too many members")
            need(sum(m["role"] == "broker" for m in body["members"]) == 1, "genesis", "not one broker")
            for member in body["members"]:
                self.check_new(member)
                self.insert(member, 0)
        except Fault as fault:
            if fault.name in ("bad_signature", "version", "kind", "malformed"):
                raise
            raise Fault("genesis", str(fault)) from fault

    def change(self, envelope, index):
        """Applies a trust envelope; returns its id."""
        signer = self.row(envelope["key"])
        body = open_envelope(envelope, signer["member"]["key"], "trust")
        self.active_row(envelope["key"])
        ((op, value),) = body["op"].items()
        if op == "rotate":
            self.check_new_key(value)
            signer["revoked"] = index
            self.insert({**signer["member"], "key": value}, index)
            return body["id"]
        need(signer["member"]["role"] == "admin", "not_allowed", "trust changes need an admin")
        if op == "add":
            self.check_new(value)
            self.insert(value, index)
            return body["id"]
        if op == "pin":
            room = len(self.pins) < PINS_MAX or value["plugin"] in self.pins
            need(room, "bad_trust_change", "too many plugins are pinned")
            self.pins[value["plugin"]] = (value["hash"], index)
            return body["id"]
        if op == "unpin":
            need(value["plugin"] in self.pins, "bad_trust_change", "the plugin is not pinned")
            del self.pins[value["plugin"]]
            return body["id"]
        if op == "guard":
            check_policy(value["policy"])
            room = len(self.policies) < POLICIES_MAX or value["name"] in self.policies
            need(room, "bad_trust_change", "too many policies")
            self.policies[value["name"]] = value["policy"]
            return body["id"]
        if op == "unguard":
            need(value["name"] in self.policies, "bad_trust_change", "there is no such policy")
            del self.policies[value["name"]]
            return body["id"]
        target = self.rows.get(value)
        need(target and target["revoked"] is None, "bad_trust_change", "no active member has that key")
        role = target["member"]["role"]
        need(role != "broker", "bad_trust_change", "the broker cannot be revoked")
        admins = sum(row["member"]["role"] == "admin" for row in self.active())
        need(role != "admin" or admins > 1, "bad_trust_change", "last admin")
        target["revoked"] = index
        return body["id"]


# Section 8: money.


def ceil_div(value, by):
    return -(-value // by)


def countable(number, fault="quote"):
    need(-(2**63) <= number < 2**63, fault, "beyond what can be counted")
    return number


def quote_sum(quote, quantity):
    lines = (ceil_div(quantity(line) * line["rate"]["amount_micros"], line["rate"]["per"]) for line in quote["lines"])
    return countable(sum(countable(line) for line in lines))


def worst_case(quote):
    need(len(quote["lines"]) <= LINES_MAX, "quote", "lines")
    need(all(len(quote[name].encode()) <= 128 for name in ("table", "sku")), "quote", "text")
    need(all(line["rate"]["amount_micros"] >= 0 and line["rate"]["per"] > 0 for line in quote["lines"]), "quote", "rate")
    return {"amount_micros": quote_sum(quote, lambda line: line["most"]), "currency": quote["currency"]}


def check_cost(flight, result):
    quote, reserved = flight["quote"], flight["reserved"]
    if quote is None:
        free = result["cost"]["amount_micros"] == 0 and result["price_table"] is None and result["usage"] is None
        need(free, "wrong_cost", "the operation is free")
        return
    need(result["price_table"] == quote["table"], "wrong_cost", "price table")
    due = reserved["amount_micros"]
    if result["usage"] is not None:
        usage = result["usage"]
        due = min(due, quote_sum(quote, lambda line: usage.get(line["rate"]["unit"], 0)))
    need(result["cost"]["amount_micros"] == due, "wrong_cost", f"{due} are due")


def plain(value):
    """A value that can be a key."""
    return json.dumps(value)


class Finance:
    def __init__(self):
        self.budgets = {}  # key -> {limit, mode, window, available, reserved, posted}
        self.rates = {}  # (from, to) -> millionths
        self.prices = {}  # (provider, sku) -> {version, currency, rates}

    def change(self, op, index, partial):
        """Checks and applies a change; in a partial file nobody knows what there was before."""
        ((name, value),) = op.items()
        getattr(self, name)(value, index, partial)

    def set_budget(self, value, _index, _partial):
        need(value["limit"]["amount_micros"] >= 0, "bad_finance_change", "limit")
        need(re.fullmatch(r"[A-Za-z0-9/_+-]{1,64}", value["zone"]), "bad_finance_change", "zone")
        key, limit = plain(value["key"]), value["limit"]
        need(key in self.budgets or len(self.budgets) < BUDGETS_MAX, "bad_finance_change", "too many budgets")
        old = self.budgets.get(key)
        if old and old["limit"]["currency"] == limit["currency"]:
            old["available"] += limit["amount_micros"] - old["limit"]["amount_micros"]
            old.update(limit=limit, mode=value["mode"])
            return
        self.budgets[key] = dict(
            key=value["key"], limit=limit, mode=value["mode"], window=None,
            available=limit["amount_micros"], reserved=0, posted=0,
        )

    def remove_budget(self, value, _index, partial):
        self.drop(self.budgets, plain(value), partial)

    def set_price(self, value, index, _partial):
        rates = value["prices"]["rates"]
        need(1 <= len(value["sku"].encode()) <= 128 and 1 <= len(value["source"].encode()) <= 256, "bad_finance_change", "text")
        need(1 <= len(rates) <= 16 and len({r["unit"] for r in rates}) == len(rates), "bad_finance_change", "rates")
        need(all(r["amount_micros"] >= 0 and r["per"] > 0 for r in rates), "bad_finance_change", "rate")
        key = (value["provider"], value["sku"])
        need(key in self.prices or len(self.prices) < PRICES_MAX, "bad_finance_change", "too many prices")
        self.prices[key] = {"version": f"log#{index}", "currency": value["currency"], "rates": rates}

    def remove_price(self, value, _index, partial):
        need(1 <= len(value["sku"].encode()) <= 128, "bad_finance_change", "text")
        self.drop(self.prices, (value["provider"], value["sku"]), partial)

    def set_rate(self, value, _index, _partial):
        need(value["from"] != value["to"] and 1 <= value["rate_micros"] <= 10**15, "bad_finance_change", "rate")
        need(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value["as_of"]), "bad_finance_change", "date")
        need(1 <= len(value["source"].encode()) <= 256, "bad_finance_change", "text")
        key = (value["from"], value["to"])
        need(key in self.rates or len(self.rates) < RATES_MAX, "bad_finance_change", "too many rates")
        self.rates[key] = value["rate_micros"]

    def remove_rate(self, value, _index, partial):
        self.drop(self.rates, (value["from"], value["to"]), partial)

    def set_reporting(self, _value, _index, _partial):
        pass

    def drop(self, table, key, partial):
        need(partial or key in table, "bad_finance_change", "there is none")
        table.pop(key, None)

    def check_table(self, provider, quote):
        price = self.prices.get((provider, quote["sku"]))
        if price is None:
            need(not quote["table"].startswith("log#"), "quote", "a price that is not set")
            return
        same = quote["table"] == price["version"] and quote["currency"] == price["currency"]
        need(same and all(line["rate"] in price["rates"] for line in quote["lines"]), "quote", "passes over a price")

    def convert(self, money, to):
        amount, source = money["amount_micros"], money["currency"]
        if source == to or amount == 0:
            return amount
        if (source, to) in self.rates:
            return countable(ceil_div(amount * self.rates[source, to], 10**6), "rate_unknown")
        need((to, source) in self.rates, "rate_unknown", f"{source} to {to}")
        return countable(ceil_div(amount * 10**6, self.rates[to, source]), "rate_unknown")

    def falls_on(self, scope, command, operator):
        if scope == "global":
            return True
        ((name, value),) = scope.items()
        target = {key: command[key] for key in ("provider", "instance")}
        return value == {
            "provider": command["provider"], "instance": target, "operator": operator,
            "family": command["operation"].split(".")[0], "session": command["session"],
        }[name]

    def hold(self, command, operator, reserved, at):
        """The holds of an admission: (budget, amount) each."""
        holds = []
        for budget in self.budgets.values():
            if not self.falls_on(budget["key"]["scope"], command, operator):
                continue
            self.in_window(budget, at)
            amount = self.convert(reserved, budget["limit"]["currency"])
            left = budget["available"] - amount
            need(left >= 0 or budget["mode"] == "soft", "budget_exceeded", plain(budget["key"]))
            holds.append((budget, amount))
        for budget, amount in holds:
            budget["available"] -= amount
            budget["reserved"] += amount
        self.balance()
        return holds

    def settle(self, holds, settlement, at):
        posted = settlement["posted"]["amount_micros"]
        whole = posted + settlement["voided"]["amount_micros"]
        for budget, amount in holds:
            now = self.budgets.get(plain(budget["key"]))
            if now is None:
                continue
            self.in_window(now, at)
            if now is not budget:
                continue
            part = ceil_div(amount * posted, whole) if whole else 0
            budget["reserved"] -= amount
            budget["posted"] += part
            budget["available"] += amount - part
        self.balance()

    def free(self, holds):
        for budget, amount in holds:
            if self.budgets.get(plain(budget["key"])) is budget:
                budget["reserved"] -= amount
                budget["available"] += amount
        self.balance()

    def in_window(self, budget, at):
        window = budget["window"]
        need(window is not None and window[0] <= at < window[1], "window", plain(budget["key"]))

    def period(self, content, at):
        budget = self.budgets.get(plain(content["budget"]))
        need(budget is not None, "window", "of a budget that does not exist")
        start, end = content["start"], content["end"]
        need(start <= at < end, "window", "does not contain its time")
        need(end - start <= WINDOW_MAX_US[content["budget"]["period"]], "window", "too long")
        need(budget["window"] is None or start >= budget["window"][1], "window", "begins too early")
        budget["available"] += budget["posted"]
        budget.update(window=(start, end), posted=0)
        self.balance()

    def balance(self):
        for b in self.budgets.values():
            balanced = b["limit"]["amount_micros"] == b["available"] + b["reserved"] + b["posted"]
            need(balanced and b["reserved"] >= 0 and b["posted"] >= 0, "settlement", plain(b["key"]))


# Sections 6, 8 and 11.


@dataclass
class Verifier:
    log: bytes
    next: int
    prev: bytes
    partial: bool
    broker: bytes
    at: int = -(2**63)
    trust: Trust = field(default_factory=Trust)
    finance: Finance = field(default_factory=Finance)
    ids: set = field(default_factory=set)
    flying: dict = field(default_factory=dict)
    settled: set = field(default_factory=set)
    reserved: dict = field(default_factory=dict)
    posted: dict = field(default_factory=dict)
    counts: dict = field(default_factory=lambda: dict(entries=0, signatures=0, payloads=0, outside=0))
    last_trust: int = -1
    orders: dict = field(default_factory=dict)  # of a partial file: run -> (operator, trace, order)

    def __post_init__(self):
        self.runs = Runs(self.trust, self.finance)

    def history(self, data):
        """A trust record of a partial file."""
        entry = read(data, ENTRY, ENTRY_MAX, versioned=True)
        ((body, content),) = entry["body"].items()
        need(body == ("genesis" if self.last_trust < 0 else "trust"), "order", f"{body} among the trust records")
        if body == "genesis":
            need(entry["index"] == 0 and entry_hash(data) == self.log, "log", "entry 0 is another log's")
            self.trust.begin(content["envelope"])
        else:
            need(self.last_trust < entry["index"] < self.next, "index", str(entry["index"]))
            self.use_id(self.trust.change(content["envelope"], entry["index"]))
        self.last_trust = entry["index"]

    def entry(self, data, payload):
        entry = read(data, ENTRY, ENTRY_MAX, versioned=True)
        digest = entry_hash(data)
        ((body, content),) = entry["body"].items()
        need(entry["index"] == self.next, "index", f"{entry['index']} instead of {self.next}")
        need(entry["prev"] == self.prev, "prev", "")
        need(entry["at"] >= self.at, "time", "")
        need((body == "genesis") == (self.next == 0), "genesis", "only entry 0 is one")
        if self.next == 0:
            need(digest == self.log, "log", "entry 0 is another log's")
        if self.partial:
            need(self.last_trust >= 0, "order", "no trust records")
        commitment = getattr(self, f"apply_{body}")(entry, digest, content)
        if payload is not None:
            need(commitment is not None, "hash_mismatch", "a payload nothing commits to")
            check_payload(payload, commitment)
            self.counts["payloads"] += 1
        self.counts["entries"] += 1
        self.counts["signatures"] += "envelope" in content
        self.next, self.prev, self.at = self.next + 1, digest, entry["at"]

    def open(self, envelope, kind):
        return open_envelope(envelope, self.trust.row(envelope["key"])["member"]["key"], kind)

    def use_id(self, id_):
        need(id_ not in self.ids, "duplicate", id_.hex())
        self.ids.add(id_)

    def apply_genesis(self, _entry, _digest, content):
        self.trust.begin(content["envelope"])

    def apply_trust(self, entry, _digest, content):
        self.use_id(self.trust.change(content["envelope"], entry["index"]))

    def apply_admitted(self, entry, digest, content):
        envelope, reserved = content["envelope"], content["reserved"]
        command = self.open(envelope, "command")
        member, run = self.sender(entry, envelope["key"], command)
        need(self.trust.serves(content["worker"], command), "wrong_worker", content["worker"])
        self.use_id(command["id"])
        need(not command["dry_run"], "rule", "a dry run")
        need(entry["at"] <= command["deadline"], "rule", "after its deadline")
        need(reserved["amount_micros"] >= 0, "settlement", "negative reservation")
        if run is not None:
            self.free_kept(run, command)
        if not self.partial:
            self.check_policies(entry, command, content["quote"], run)
        holds = self.hold(entry, command, member, content)
        self.flying[command["id"]] = {
            "command": command, "entry": digest, "reserved": reserved, "worker": content["worker"],
            "quote": content["quote"], "holds": holds, "run": run,
            "share": None if run is None else self.runs.begin(run, command, reserved),
        }
        self.add(self.reserved, reserved)
        return command["payload"]

    def check_policies(self, entry, command, quote, run):
        """Guardians agreed to what policies cover."""
        what = command["provider"], command["instance"], command["operation"]
        for policy in self.trust.policies.values():
            if command["effect"] == "read" or not any(covers(grant, *what) for grant in policy["operations"]):
                continue
            if self.is_above(policy["above"], quote):
                need(run is not None, "approval_missing", "a command of no run")
                self.runs.check_guard(run, policy["guard"], leaf_hash(command), entry["at"])

    def is_above(self, above, quote):
        if above is None or quote is None:
            return above is None
        moved = [line["most"] for line in quote["lines"] if line["rate"]["unit"] == "amount"]
        stake = max([*moved, worst_case(quote)["amount_micros"]])
        try:
            converted = self.finance.convert({"amount_micros": stake, "currency": quote["currency"]}, above["currency"])
        except Fault:
            return True
        return converted > above["amount_micros"]

    def sender(self, entry, key, command):
        """The member whose right the command has, and its run if it is one that is known."""
        if "run" not in command:
            member = self.trust.active_row(key)["member"]
            self.trust.allow(member, command["provider"], command["instance"], command["operation"])
            return member, None
        id_ = command["run"]["run"]
        run = None if self.partial else self.runs.known(id_)
        if self.partial and id_ not in self.orders:
            self.counts["outside"] += 1
            return self.trust.active_row(key)["member"], None
        operator, trace, order = self.orders[id_] if self.partial else (run.operator, run.trace, run.order)
        need(key == order["delegate"], "not_in_order", "who sends it")
        self.trust.active_row(key)
        member = self.trust.active_row(operator)["member"]
        self.trust.allow(member, command["provider"], command["instance"], command["operation"])
        order_covers(order, trace, key, command)
        need(command["deadline"] <= order["until"], "run_not_going", "it ends before the command")
        if run is not None:
            self.runs.authorize(run, command, entry["at"])
        return member, run

    def free_kept(self, run, command):
        """What a run keeps for the step is free for its command."""
        place = command["run"]
        if place["phase"] == "do" and place["step"] in run.kept:
            self.free([run.kept.pop(place["step"])])

    def free(self, kept):
        for reserved, holds in kept:
            self.add(self.reserved, reserved, -1)
            self.finance.free(holds)

    def hold(self, entry, command, member, content):
        quote, reserved = content["quote"], content["reserved"]
        if quote is None:
            need(reserved == {"amount_micros": 0, "currency": "USD"}, "quote", "reserved without a quote")
            return []
        need(worst_case(quote) == reserved, "quote", "the reservation is not the worst case")
        if self.partial:
            return []
        self.finance.check_table(command["provider"], quote)
        return self.finance.hold(command, member["name"], reserved, entry["at"])

    def apply_run(self, entry, _digest, content):
        envelope, quotes = content["envelope"], content.get("quotes", [])
        need("quotes" not in content or quotes, "malformed", "no quotes are left out")
        change = self.open(envelope, "run")
        key, at = envelope["key"], entry["at"]
        member = self.trust.active_row(key)["member"]
        op, value = check_change(change)
        self.use_id(change["id"])
        if self.partial:
            if op == "start":
                self.orders[change["id"]] = (key, change["trace"], value)
            return change["payload"]
        if op != "start":
            need(not quotes, "bad_run_change", "kept for what is no order")
            self.free(self.runs.change(op, value, key, member, change["trace"], entry["index"], at))
            return change["payload"]
        self.runs.start(change["id"], key, member, change["trace"], value, entry["index"], at)
        kept = self.runs.keep(value, member["name"], quotes, at, self.checked)
        for reserved, _ in kept.values():
            self.add(self.reserved, reserved)
        self.runs.runs[change["id"]].kept = kept
        return change["payload"]

    def checked(self, provider, quote):
        reserved = worst_case(quote)
        self.finance.check_table(provider, quote)
        return reserved

    def apply_lease(self, entry, _digest, content):
        if not self.partial:
            self.runs.lease(content, entry["at"])

    def apply_run_over(self, entry, _digest, content):
        if not self.partial:
            self.free(self.runs.over(content, entry["at"]))

    def apply_finance(self, entry, _digest, content):
        envelope = content["envelope"]
        change = self.open(envelope, "finance")
        member = self.trust.active_row(envelope["key"])["member"]
        ((op, _),) = change["op"].items()
        self.trust.allow(member, "optimise", "fabric", FINANCE_OPS[op][1])
        self.use_id(change["id"])
        self.finance.change(change["op"], entry["index"], self.partial)

    def apply_period(self, entry, _digest, content):
        if not self.partial:
            self.finance.period(content, entry["at"])

    def apply_rejected(self, _entry, _digest, content):
        envelope = content["envelope"]
        self.trust.row(envelope["key"])
        need(envelope["kind"] in ("command", "trust", "finance", "result", "run"), "kind", envelope["kind"])
        return self.open(envelope, envelope["kind"]).get("payload")

    def worker(self, envelope):
        row = self.trust.row(envelope["key"])
        need(row["revoked"] is None and row["member"]["role"] == "worker", "wrong_worker", row["member"]["name"])
        return row["member"]

    def apply_completed(self, entry, _digest, content):
        envelope, settlement = content["envelope"], content["settlement"]
        result = self.open(envelope, "result")
        flight = self.flight(result["command"], settlement)
        if flight is None:
            self.worker(envelope)
            return result["payload"]
        target = flight["command"]
        member = self.worker(envelope)
        serves = any(covers(g, target["provider"], target["instance"]) for g in member["grants"])
        need(serves and member["name"] == flight["worker"], "wrong_worker", member["name"])
        need(result["entry"] == flight["entry"], "unknown_command", "another admission")
        cost, reserved = result["cost"], flight["reserved"]
        fits = cost["currency"] == reserved["currency"] and 0 <= cost["amount_micros"] <= reserved["amount_micros"]
        need(fits, "cost_exceeds_reservation", str(cost))
        check_cost(flight, result)
        need(settlement["posted"] == cost, "settlement", "posted is not the cost")
        self.settle(result["command"], settlement, entry["at"], result["status"])
        return result["payload"]

    def apply_unresolved(self, entry, _digest, content):
        need(content["status"] == "indeterminate", "rule", content["status"])
        flight = self.flight(content["command"], content["settlement"])
        if flight is not None:
            need(entry["at"] >= flight["command"]["deadline"] + GRACE_US, "rule", "given up too early")
            need(content["settlement"]["posted"] == flight["reserved"], "settlement", "not the whole reservation")
            self.settle(content["command"], content["settlement"], entry["at"], content["status"])

    def apply_late(self, _entry, _digest, content):
        result = self.open(content["envelope"], "result")
        self.worker(content["envelope"])
        need(result["command"] not in self.flying, "rule", "the command is in flight")
        return result["payload"]

    def flight(self, id_, settlement):
        if id_ in self.flying:
            return self.flying[id_]
        need(self.partial and id_ not in self.ids and id_ not in self.settled, "not_in_flight", id_.hex())
        self.settled.add(id_)
        self.counts["outside"] += 1
        return None

    def settle(self, id_, settlement, at, status):
        flight = self.flying.pop(id_)
        reserved = flight["reserved"]
        self.settled.add(id_)
        posted, voided = settlement["posted"], settlement["voided"]
        same = posted["currency"] == voided["currency"] == reserved["currency"]
        whole = posted["amount_micros"] + voided["amount_micros"] == reserved["amount_micros"]
        positive = posted["amount_micros"] >= 0 and voided["amount_micros"] >= 0
        need(same and whole and positive, "settlement", f"{settlement}")
        self.finance.settle(flight["holds"], settlement, at)
        if flight["run"] is not None:
            self.runs.settle(flight["run"], flight["command"], flight["share"], status, settlement)
        self.add(self.reserved, reserved, -1)
        self.add(self.posted, posted)

    def add(self, sums, money, sign=1):
        sums[money["currency"]] = sums.get(money["currency"], 0) + sign * money["amount_micros"]

    def footer(self, envelope):
        row = self.trust.rows.get(envelope["key"])
        need(row and row["member"]["role"] == "broker", "wrong_key", "the head is not the broker's")
        need(row["member"]["key"] == self.broker, "wrong_key", "the header names another broker")
        head = open_envelope(envelope, row["member"]["key"], "head")
        last = {"log": self.log, "index": self.next - 1, "hash": self.prev, "at": self.at}
        need(head == last, "head", f"head of entry {head['index']}")


# Section 10.


def records(data):
    need(data.startswith(MAGIC), "magic")
    offset, finished = len(MAGIC), False
    while offset < len(data):
        need(not finished, "trailing_bytes")
        need(offset + 4 <= len(data), "truncated")
        (length,) = struct.unpack_from(">I", data, offset)
        need(length <= RECORD_MAX, "too_large", f"record of {length} bytes")
        need(offset + 4 + length <= len(data), "truncated")
        raw = data[offset + 4 : offset + 4 + length]
        ((name, content),) = read(raw, RECORD, RECORD_MAX).items()
        yield name, content
        finished = name == "footer"
        offset += 4 + length
    need(finished, "truncated", "no footer")


def verify_export(data, log=None):
    """Returns the verifier, or raises a Fault whose `index` is the entry it is about."""
    verifier, stage = None, "header"
    try:
        for name, content in records(data):
            if stage == "header":
                need(name == "header", "order", name)
                need(content["v"] == 1, "version", str(content["v"]))
                need(content["from"] > 0 or content["prev"] == bytes(32), "order", "prev without a previous entry")
                need(log in (None, content["log"]), "log", content["log"].hex())
                verifier = Verifier(content["log"], content["from"], content["prev"], content["from"] > 0, content["broker"])
                stage = "trust"
            elif name == "trust":
                need(stage == "trust" and verifier.partial, "order", name)
                verifier.history(content["entry"])
            elif name == "entry":
                stage = "entries"
                verifier.entry(content["entry"], content["payload"])
            else:
                need(name == "footer" and stage == "entries", "order", name)
                stage = "footer"
                verifier.footer(content["head"])
    except Fault as fault:
        if verifier is not None:
            # A fault in the footer is about the last entry.
            fault.index = verifier.next - (stage == "footer")
        raise
    return verifier


# Section 15.


def check_vector(what, data, about):
    if what == "envelope":
        envelope = read(data, ENVELOPE, ENVELOPE_MAX, versioned=True)
        expect = about.get("expect", about)
        public = bytes.fromhex(expect["public_key"])
        kind = about.get("open_as") or expect["kind"]
        open_envelope(envelope, public, kind)
        if "expect" in about:
            need(derive("infrafabric 2026 envelope v1", data).hex() == expect["envelope_hash"], "vector", "envelope hash")
            need(key_id(public).hex() == expect["key_id"], "vector", "key id")
    elif what == "payload":
        payload = read(data, PAYLOAD, MESSAGE_MAX)
        check_payload(payload, bytes.fromhex(about["expect"]["hash"]))
    elif what == "entry":
        read(data, ENTRY, ENTRY_MAX, versioned=True)
        if "expect" in about:
            need(entry_hash(data).hex() == about["expect"]["hash"], "vector", "entry hash")
    elif what == "submission":
        submission = read(data, SUBMISSION, MESSAGE_MAX)
        if "public_key" in about:
            command = open_envelope(submission["envelope"], bytes.fromhex(about["public_key"]), "command")
            check_payload(submission["payload"], command["payload"])
    elif what == "committed":
        committed = read(data, COMMITTED, MESSAGE_MAX)
        broker = about["expect"]["broker"] if "expect" in about else about["broker"]
        head = open_committed_head(committed["head"], bytes.fromhex(broker))
        need(entry_hash(committed["entry"]) == head["hash"], "hash_mismatch", "entry")
    elif what == "export":
        verifier = verify_export(data)
        if "expect" in about:
            check_export_figures(verifier, about["expect"])
    else:
        raise Fault("vector", f"what is {what!r}?")


def check_export_figures(verifier, expect):
    need(verifier.prev.hex() == expect["entries"][-1]["hash"], "vector", "last hash")
    need(verifier.counts["entries"] == len(expect["entries"]), "vector", "entries")
    need(verifier.counts["payloads"] == expect["payloads"], "vector", "payloads")
    if "posted_micros" in expect:
        need(verifier.posted == expect["posted_micros"], "vector", f"posted {verifier.posted}")
        need(verifier.reserved == expect["reserved_micros"], "vector", f"reserved {verifier.reserved}")
        need(len(verifier.flying) == expect["in_flight"], "vector", "in flight")
    if "pins" in expect:
        pins = {name: {"hash": hash_.hex(), "index": index} for name, (hash_, index) in verifier.trust.pins.items()}
        need(pins == expect["pins"], "vector", f"pinned {pins}")


def check_all(root):
    wrong = []
    totals = {}
    for folder in ("valid", "invalid"):
        files = sorted((root / folder).glob("*.json"))
        totals[folder] = len(files)
        for path in files:
            about = json.loads(path.read_text())
            expected = (about["error"], about.get("index")) if folder == "invalid" else (None, None)
            found = (None, None)
            try:
                check_vector(about["what"], path.with_suffix(".bin").read_bytes(), about)
            except Fault as fault:
                found = (fault.name, getattr(fault, "index", None) if about.get("index") is not None else None)
                detail = str(fault)
            if found != expected:
                wrong.append(f"{folder}/{path.stem}: expected {expected}, found {found} ({detail if found[0] else 'accepted'})")
    for line in wrong:
        print(f"stranger: {line}", file=sys.stderr)
    if not all(totals.values()) or wrong:
        print(f"stranger: FAILED: {len(wrong)} of {sum(totals.values())} vectors differ", file=sys.stderr)
        return 1
    print(f"stranger: {totals['valid']} valid vectors accepted, {totals['invalid']} invalid vectors refused with the fault they name")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export")
    export.add_argument("file", type=Path)
    export.add_argument("--log", type=bytes.fromhex, help="the log id you trust, in hex")
    vectors = commands.add_parser("vectors")
    vectors.add_argument("directory", type=Path)
    args = parser.parse_args()
    if args.command == "vectors":
        return check_all(args.directory)
    try:
        verifier = verify_export(args.file.read_bytes(), args.log)
    except Fault as fault:
        where = f"entry {fault.index}" if hasattr(fault, "index") else "the file"
        print(f"stranger: {where}: {fault}", file=sys.stderr)
        return 6
    print(json.dumps({"log": verifier.log.hex(), "to": verifier.next - 1, **verifier.counts}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
