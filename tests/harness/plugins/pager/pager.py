"""A plugin for tests: does what it should, or misbehaves, as the operation says."""

import json
import os
import subprocess
import sys
import threading

OPERATIONS = {
    "send": "once", "status": "read", "hang": "idempotent", "wait": "idempotent", "crash": "once", "garbage": "read",
    "huge": "read", "memory": "read", "disk": "read", "leak": "read", "child": "read",
}
speaking = threading.Lock()
cancelled = {}
instance = {}


def say(**message):
    with speaking:
        print(json.dumps(message), flush=True)


def send(id, args):
    say(type="progress", id=id, message="dialling", data={"percent": 50})
    say(type="weather", note="of a type nobody knows")
    with open("sent.txt", "a") as file:
        file.write(args["text"] + "\n")
    return {"room": instance["settings"]["room"], "text": args["text"]}


def descriptors():
    kinds = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            kinds.append(os.readlink("/proc/self/fd/" + fd).split(":")[0])
        except FileNotFoundError:
            pass  # The one that listed them.
    return kinds


def status():
    return {
        "environment": dict(os.environ),
        "directory": os.getcwd(),
        "mode": oct(os.stat(".").st_mode & 0o777),
        "descriptors": descriptors(),
        "group": os.getpgrp() == os.getpid(),
        "pid": os.getpid(),
    }


def too_much_memory():
    try:
        return {"bytes": len(bytearray(1 << 30))}
    except MemoryError:
        return {"refused": True}


def too_much_disk():
    try:
        with open("big", "wb") as file:
            file.write(b"x" * (2 << 20))
        return {"refused": False}
    except OSError as error:
        return {"refused": True, "why": error.strerror}


def leak(id):
    token = instance["secrets"]["token"]
    print("my token is " + token, file=sys.stderr, flush=True)
    say(type="progress", id=id, message="token " + token)
    return {"token": token, token: ["x" + token]}


def execute(id, operation, args):
    verb = operation.split(".")[1]
    if verb == "hang":
        return
    if verb == "wait":
        cancelled[id].wait()
        say(type="result", id=id, status="failed", error={"code": "cancelled", "message": "nothing was done"})
        return
    if verb == "crash":
        os._exit(3)
    if verb == "garbage":
        with speaking:
            print("Traceback: this is no message", flush=True)
        return
    if verb == "huge":
        with speaking:
            for _ in range(64):
                sys.stdout.write("x" * 65536)
        return
    result = {
        "send": lambda: send(id, args), "status": status, "memory": too_much_memory, "disk": too_much_disk,
        "leak": lambda: leak(id),
        "child": lambda: {"child": subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL).pid},
    }[verb]()
    say(type="result", id=id, status="succeeded", result=result, usage={"message": 1})


for line in sys.stdin:
    message = json.loads(line)
    id, kind = message.get("id"), message["type"]
    if kind == "describe":
        operations = {f"chat.{verb}": effect for verb, effect in OPERATIONS.items()}
        say(type="answer", id=id, result={"protocol": 1, "plugin": "pager", "version": "7", "operations": operations})
    elif kind == "connect":
        instance = message
        if instance["secrets"].get("token") == "wrong":
            say(type="answer", id=id, error={"code": "authentication_failure", "message": "the token is wrong"})
            continue
        say(type="answer", id=id, result={"description": "pager 7", "simulated": False})
    elif kind == "health":
        say(type="answer", id=id, result={"description": "pager 7"})
    elif kind == "discover":
        say(type="answer", id=id, result={"instances": [{"name": "attic", "settings": {"room": "attic"}}]})
    elif kind == "execute":
        cancelled[id] = threading.Event()
        threading.Thread(target=execute, args=(id, message["operation"], message["args"]), daemon=True).start()
    elif kind == "cancel":
        cancelled[id].set()
    elif kind == "shutdown":
        break
