#!/usr/bin/env python3
"""check_json.py DIR: the examples in DIR/examples are what the schemas in DIR say they are.

check_json.py DIR NAME: the document on stdin is a valid NAME, for example `command-document`.
"""

import json
import sys
from pathlib import Path

from jsonschema import Draft202012Validator
from referencing import Registry, Resource


def validators(root):
    schemas = {path.name: json.loads(path.read_text()) for path in sorted(root.glob("*.schema.json"))}
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    registry = Registry().with_resources((name, Resource.from_contents(schema)) for name, schema in schemas.items())
    return {name.split(".")[0]: Draft202012Validator(schema, registry=registry) for name, schema in schemas.items()}


def main(root, name=None):
    known = validators(root)
    if name is not None:
        errors = list(known[name].iter_errors(json.load(sys.stdin)))
        for error in errors:
            print(f"json: {error.json_path}: {error.message}", file=sys.stderr)
        return bool(errors)
    wrong, count = 0, 0
    for folder in ("valid", "invalid"):
        for path in sorted((root / "examples" / folder).glob("*.json")):
            errors = list(known[path.name.split(".")[0]].iter_errors(json.loads(path.read_text())))
            count += 1
            if bool(errors) == (folder == "valid"):
                wrong += 1
                print(f"json: {folder}/{path.name}: {[e.message for e in errors] or 'accepted'}", file=sys.stderr)
    print(f"json: {len(known)} schemas, {count} examples, {wrong} wrong")
    return bool(wrong or not count)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
