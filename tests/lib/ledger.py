"""The sandbox's ledger: one JSON line for every event that it accepted."""

import json


def read_ledger(path):
    """All whole lines, oldest first; [] while there is no file."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.split("\n")[:-1]]
