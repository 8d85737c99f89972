"""Judges tariff files by the JSON Schema that ballast prints, with Python's own reader of TOML and the jsonschema package.

Argument: {"schema": FILE, "files": [FILE...]}. Prints {FILE: [[place, message]...]}.
"""
import datetime
import json
import sys
import tomllib

import jsonschema

asked = json.loads(sys.argv[1])
with open(asked["schema"]) as file:
    schema = json.load(file)
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)


def plain(value):
    """Dates as text: JSON has none."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def errors(path):
    with open(path, "rb") as file:
        document = plain(tomllib.load(file))
    return [[".".join(map(str, error.absolute_path)), error.message] for error in validator.iter_errors(document)]


print(json.dumps({path: errors(path) for path in asked["files"]}))
