"""An InfraFabric plugin that keeps a note. The protocol is in docs/plugins.md."""

import json
import os
import sys
import threading

PLUGIN = "@ID@"
OPERATIONS = {"@FAMILY@.write": "idempotent", "@FAMILY@.read": "read"}

speaking = threading.Lock()
cancelled = {}  # id of a command under way -> threading.Event
instance = {}


def say(**message):
    with speaking:
        print(json.dumps(message), flush=True)


def note():
    # The working directory is this instance's own.
    if not os.path.exists("note.txt"):
        return None
    with open("note.txt", encoding="utf-8") as file:
        return file.read()


def write(id, args):
    text = f"{args['text']} ({instance['settings'].get('author')})"
    say(type="progress", id=id, message="writing", data={"characters": len(text)})
    if cancelled[id].is_set():
        raise RuntimeError("cancelled before anything was written")
    with open("note.tmp", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace("note.tmp", "note.txt")
    # Success is what was seen, not what was tried.
    if note() != text:
        raise RuntimeError("the note is not what was written")
    return {"note": text}


def execute(id, operation, args):
    try:
        result = write(id, args) if operation.endswith(".write") else {"note": note()}
        say(type="result", id=id, status="succeeded", result=result)
    except Exception as error:
        # Use "indeterminate" where the effect may have happened.
        say(type="result", id=id, status="failed", error={"code": "provider_error", "message": str(error)})
    finally:
        cancelled.pop(id, None)


def answer(message):
    id, kind = message.get("id"), message["type"]
    if kind == "describe":
        say(type="answer", id=id, result={"protocol": 1, "plugin": PLUGIN, "version": "0.1", "operations": OPERATIONS})
    elif kind == "connect":
        instance.update(settings=message["settings"], secrets=message["secrets"])
        say(type="answer", id=id, result={"description": "a note in a file", "simulated": False})
    elif kind == "health":
        say(type="answer", id=id, result={"description": "a note in a file"})
    elif kind == "discover":
        say(type="answer", id=id, result={"instances": []})
    elif kind == "execute":
        cancelled[id] = threading.Event()
        threading.Thread(target=execute, args=(id, message["operation"], message["args"]), daemon=True).start()
    elif kind == "cancel" and id in cancelled:
        cancelled[id].set()
    elif kind == "shutdown":
        sys.exit(0)


# Ends when the worker goes away, too.
for line in sys.stdin:
    answer(json.loads(line))
