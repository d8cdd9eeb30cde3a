"""Runs, as sections 5 and 8 of schemas/README.md have them: shapes of their bodies, and what each entry may do to them."""

import msgpack

from values import (
    COMMAND_ID, GRANT, HASH, KEY_ID, MONEY, NAME, TEXT, TIME, TOKEN, U16, U32, U64,
    batch_leaf, batch_path, binary, boolean, enum, listing, need, optional, record, text,
)

STEPS_MAX, WRITES_MAX, QUOTES_MAX, QUOTES_MAX_BYTES, TEXT_MAX = 4_096, 128, 128, 32_000, 1_024
RUNS_MAX, VOTES_MAX, LIFE_MAX_US = 256, 1_024, 604_800_000_000

TARGET = text(rf"{TOKEN}/{TOKEN}")
PHASE = enum("do", "undo")
OUTCOME = enum("succeeded", "failed", "cancelled", "rolled_back", "rollback_incomplete", "expired", "preempted")


def weights(value):
    """A map from names to u32, in the order of the names."""
    need(type(value) is dict, "malformed", "guardians")
    for name, weight in value.items():
        NAME(name)
        U32(weight)
    need(list(value) == sorted(value, key=str.encode), "malformed", "order of guardians")


GUARD = record(need=U32, of=weights, veto=listing(NAME), valid_ms=U64)
STEP_REF = record(run=COMMAND_ID, step=U32, phase=PHASE, way=U16, open=boolean, guard=optional(GUARD), path=binary())
CAUSE = record(trigger=NAME, because=TEXT, chain=listing(NAME), runaway=boolean)
POLICY = record(operations=listing(GRANT), above=optional(MONEY), guard=GUARD)
CHAIN_MAX, ROUNDS_MAX = 16, 3
ORDER = record(
    ("cause",), profile=NAME, delegate=KEY_ID, until=TIME, root=HASH, steps=U32, writes=listing(TARGET),
    on_conflict=enum("wait", "refuse", "preempt"), max_cost=optional(MONEY), reserve=enum("run", "step"),
    session=optional(NAME), cause=CAUSE,
)
NOTE = enum(
    ended=record(step=U32, ended=enum("confirmed", "failed", "indeterminate", "skipped"), text=TEXT),
    awaits_approval=record(step=U32),
    recorded=record(step=U32),
    undoing=record(why=TEXT),
    undone=record(step=U32, undone=boolean, text=TEXT),
    closed=record(outcome=OUTCOME, text=TEXT),
)
RUN_OP = enum(
    start=ORDER,
    cancel=record(run=COMMAND_ID, rollback=boolean),
    resume=record(run=COMMAND_ID),
    rollback=record(run=COMMAND_ID),
    note=record(run=COMMAND_ID, after=U64, note=NOTE),
    vote=record(run=COMMAND_ID, step=U32, leaf=HASH, approve=boolean),
)


def leaf_hash(command):
    """Of the leaf that a command of a run must be."""
    place = command["run"]
    leaf = {
        "step": place["step"], "phase": place["phase"], "way": place["way"], "operation": command["operation"],
        "provider": command["provider"], "instance": command["instance"], "effect": command["effect"],
        "payload": None if place["open"] else command["payload"], "guard": place["guard"],
    }
    return batch_leaf(msgpack.packb(leaf, use_bin_type=True))


def covers(order, trace, signer, command):
    """Does the order name the command? Who may order it is the caller's to check."""
    need(signer == order["delegate"], "not_in_order", "who sends it")
    need(command["session"] == order["session"], "not_in_order", "session")
    target = f"{command['provider']}/{command['instance']}"
    need(command["effect"] == "read" or target in order["writes"], "not_in_order", "what it writes to")
    root = batch_path(leaf_hash(command), command["run"]["path"])
    need(root == order["root"], "not_in_order", "its place in the plan")
    need(command["trace"] == trace, "not_in_order", "trace")


def check_cause(cause):
    again = cause["chain"].count(cause["trigger"]) >= ROUNDS_MAX
    need(not again and len(cause["chain"]) < CHAIN_MAX and not cause["runaway"], "trigger_loop", cause["trigger"])


def check_change(body):
    ((op, content),) = body["op"].items()
    has = body["payload"] is not None
    need(has if op == "start" else op == "note" or not has, "bad_run_change", "payload")
    if op == "start":
        need(content["steps"] <= STEPS_MAX and len(content["writes"]) <= WRITES_MAX, "bad_run_change", "size")
        if "cause" in content:
            check_cause(content["cause"])
        cap = content["max_cost"]
        need(cap is None or cap["amount_micros"] >= 0, "bad_run_change", "cap")
    if op == "note":
        ((_, note),) = content["note"].items()
        words = note.get("text", note.get("why", ""))
        need(len(words.encode()) <= TEXT_MAX, "bad_run_change", "text")
    return op, content


class Run:
    def __init__(self, index, operator, trace, order):
        self.index, self.operator, self.trace, self.order = index, operator, trace, order
        self.phase, self.since, self.outcome = "do", index, None
        self.going = not order["writes"]
        self.taken_by, self.cancelled, self.back = None, False, False
        self.explained, self.turned, self.undoing = False, index, False
        self.ended = set()  # (step, phase) whose end was noted
        self.marks = {}  # (step, phase, way) -> status, None in flight
        self.votes = {}  # leaf -> {name: (approve, at, key)}
        self.kept = {}  # step -> (reserved, holds)
        self.in_flight = self.reserved = self.posted = 0

    def holds_targets(self):
        return self.going or self.in_flight > 0

    def is_over(self):
        return self.outcome is not None and self.in_flight == 0

    def end(self, outcome):
        """What was kept for it is to be freed."""
        self.going, self.outcome = False, outcome
        kept, self.kept = list(self.kept.values()), {}
        return kept


class Runs:
    def __init__(self, trust, finance):
        self.trust, self.finance = trust, finance
        self.runs = {}

    def known(self, id_):
        need(id_ in self.runs, "unknown_run", id_.hex())
        return self.runs[id_]

    def conflicting(self, writes):
        alive = (run for run in self.runs.values() if run.outcome is None or run.in_flight > 0)
        return [run for run in alive if set(run.order["writes"]) & set(writes)]

    def next(self):
        """The id of the run that goes on next, if one does."""
        waiting = [
            (run.since, id_) for id_, run in self.runs.items()
            if not run.going and run.outcome is None and run.taken_by is None and not run.cancelled
        ]
        taken = {t for run in self.runs.values() if run.holds_targets() for t in run.order["writes"]}
        for _, id_ in sorted(waiting):
            writes = set(self.runs[id_].order["writes"])
            if not writes & taken:
                return id_
            taken |= writes
        return None

    def ending(self, id_, at):
        run = self.runs.get(id_)
        if run is None or run.outcome is not None:
            return None
        if run.taken_by is not None:
            return ("preempted", run.taken_by)
        return ("expired", None) if run.order["until"] < at else None

    def lease(self, content, at):
        due = content["run"] == self.next() and self.ending(content["run"], at) is None
        need(due, "turn", "another run is next")
        self.runs[content["run"]].going = True

    def over(self, content, at):
        need(self.ending(content["run"], at) == (content["outcome"], content["by"]), "turn", "it is not over")
        return self.runs[content["run"]].end(content["outcome"])

    # Changes.

    def start(self, id_, signer, member, trace, order, index, at):
        need(member["role"] in ("admin", "operator"), "not_allowed", member["name"])
        for target in order["writes"]:
            need(self.trust.may_touch(member, *target.split("/")), "not_allowed", target)
        row = self.trust.rows.get(order["delegate"])
        active = row is not None and row["revoked"] is None and row["member"]["role"] == "worker"
        need(active, "bad_run_change", "delegate")
        need(1 <= order["until"] - at <= LIFE_MAX_US, "bad_run_change", "until")
        others = self.conflicting(order["writes"])
        need(order["on_conflict"] != "refuse" or not others, "run_conflict", "")
        if order["on_conflict"] == "preempt":
            for run in others:
                if run.outcome is None:
                    run.taken_by, run.turned = id_, index
        if len(self.runs) >= RUNS_MAX:
            over = [(run.index, old) for old, run in self.runs.items() if run.is_over()]
            need(over, "overloaded", "runs")
            del self.runs[min(over)[1]]
        self.runs[id_] = Run(index, signer, trace, order)

    def change(self, op, content, signer, member, trace, index, at):
        """Every change but an order. Gives back what was kept and is free again."""
        run = self.known(content["run"])
        need(trace == run.trace, "bad_run_change", "trace")
        if op == "note":
            need(content["after"] >= run.turned, "bad_run_change", "written before the run turned")
            return self.note(run, content["note"], signer, index)
        if op == "vote":
            return self.vote(run, content, signer, member, at)
        need(signer == run.operator or member["role"] == "admin", "not_allowed", member["name"])
        if op == "cancel":
            return self.cancel(run, content["rollback"], index)
        need(run.outcome is not None and at <= run.order["until"], "bad_run_change", f"{op} now")
        if op == "resume":
            need(run.phase == "do" and run.outcome != "succeeded", "bad_run_change", "it cannot go on")
        else:
            need(run.outcome != "rolled_back", "bad_run_change", "it is undone already")
            run.phase = "undo"
        run.cancelled, run.back, run.taken_by, run.outcome, run.since = False, False, None, None, index
        run.explained, run.turned, run.ended, run.going = False, index, set(), not run.order["writes"]
        run.undoing = False
        return []

    def cancel(self, run, back, index):
        need(run.outcome is None, "run_not_going", "it has ended")
        need(not run.cancelled or run.back != back, "bad_run_change", "it is cancelled already")
        run.cancelled, run.back, run.turned = True, back, index
        began = run.going or run.phase == "undo" or run.marks
        row = self.trust.rows.get(run.order["delegate"])
        return [] if began and row["revoked"] is None else run.end("cancelled")

    def note(self, run, note, signer, index):
        need(signer == run.order["delegate"], "not_allowed", "who reports")
        ((kind, content),) = note.items()
        last = kind == "closed" and (run.cancelled if run.outcome is None else not run.explained)
        need(run.going or last, "run_not_going", "")
        if kind == "closed":
            fits = {
                "succeeded": run.phase == "do", "preempted": run.taken_by is not None,
                "rolled_back": run.phase == "undo", "rollback_incomplete": run.phase == "undo",
            }
            need(run.in_flight == 0 and fits.get(content["outcome"], True), "bad_run_change", "closed")
            run.explained = True
            return run.end(content["outcome"]) if run.outcome is None else []
        if kind == "undoing":
            need(not run.undoing and (run.back or not run.cancelled), "bad_run_change", "undoing")
            run.phase, run.turned, run.undoing = "undo", index, True
            return []
        need(content["step"] < run.order["steps"], "bad_run_change", "no such step")
        if kind in ("ended", "undone"):
            run.ended.add((content["step"], "do" if kind == "ended" else "undo"))
        return []

    def vote(self, run, vote, signer, member, at):
        need(member["role"] in ("admin", "operator"), "not_allowed", member["name"])
        need(run.outcome is None, "run_not_going", "it has ended")
        need(vote["step"] < run.order["steps"], "bad_run_change", "no such step")
        own = [leaf for leaf, votes in run.votes.items() if member["name"] in votes]
        need(vote["leaf"] in own or len(own) < VOTES_MAX, "bad_run_change", "too many votes")
        run.votes.setdefault(vote["leaf"], {})[member["name"]] = (vote["approve"], at, signer)
        return []

    def keep(self, order, operator, quotes, at, checked):
        """Holds what an order keeps for its steps. `checked` holds a quote against the prices of the log."""
        if not quotes:
            return {}
        steps = [q["step"] for q in quotes]
        rising = all(one < other for one, other in zip(steps, steps[1:]))
        need(order["reserve"] == "run" and rising and steps[-1] < order["steps"], "bad_run_change", "quotes")
        size = len(msgpack.packb(quotes, use_bin_type=True))
        need(len(quotes) <= QUOTES_MAX and size <= QUOTES_MAX_BYTES, "too_large", "quotes")
        kept, total = {}, 0
        for quote in quotes:
            provider, instance = quote["target"].split("/")
            what = dict(
                provider=provider, instance=instance, operation=quote["operation"], session=order["session"]
            )
            reserved = checked(provider, quote["quote"])
            holds = self.finance.hold(what, operator, reserved, at)
            kept[quote["step"]] = (reserved, holds)
            if order["max_cost"] is not None:
                total += self.finance.convert(reserved, order["max_cost"]["currency"])
                need(total <= order["max_cost"]["amount_micros"], "cost_cap_exceeded", str(total))
        return kept

    # Commands.

    def authorize(self, run, command, at):
        """Is it the turn of a command that its order covers?"""
        place = command["run"]
        need(run.going and run.taken_by is None, "run_not_going", "")
        need(max(command["deadline"], at) <= run.order["until"], "run_not_going", "it ends before the command")
        need(place["phase"] == run.phase, "run_not_going", "phase")
        need(not run.cancelled or (run.phase == "undo" and run.back), "run_not_going", "cancelled")
        need((place["step"], place["phase"]) not in run.ended, "step_done", "its end was noted")
        key = (place["step"], place["phase"], place["way"])
        if key in run.marks:
            status = run.marks[key]
            once = command["effect"] == "once" and status in ("succeeded", "indeterminate")
            need(status is not None and not once, "step_done", str(status))
        if place["guard"] is not None:
            self.check_guard(run, place["guard"], leaf_hash(command), at)

    def check_guard(self, run, guard, leaf, at):
        weight = 0
        for name, (approve, cast_at, key) in run.votes.get(leaf, {}).items():
            if self.trust.rows[key]["revoked"] is not None:
                continue
            need(approve or name not in guard["veto"], "approval_missing", f"{name} said no")
            if approve and name in guard["of"] and at - cast_at <= guard["valid_ms"] * 1_000:
                weight += guard["of"][name]
        need(weight >= guard["need"], "approval_missing", f"{weight} of {guard['need']}")

    def begin(self, run, command, reserved):
        """The part of the command in its run."""
        place, cap = command["run"], run.order["max_cost"]
        amount = 0 if cap is None else self.finance.convert(reserved, cap["currency"])
        fits = cap is None or run.posted + run.reserved + amount <= cap["amount_micros"]
        need(fits, "cost_cap_exceeded", str(amount))
        run.marks[place["step"], place["phase"], place["way"]] = None
        run.in_flight += 1
        run.reserved += amount
        return amount

    def settle(self, run, command, amount, status, settlement):
        place = command["run"]
        run.marks[place["step"], place["phase"], place["way"]] = status
        posted = settlement["posted"]["amount_micros"]
        whole = posted + settlement["voided"]["amount_micros"]
        run.in_flight -= 1
        run.reserved -= amount
        run.posted += -(-amount * posted // whole) if whole else 0
