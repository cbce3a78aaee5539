#!/usr/bin/python3
"""The checker by itself: what the customers, the database and the sandbox wrote down must fit together."""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from lib.invariants import Evidence, judge  # noqa: E402  (the path above comes first)


def read_customers(path):
    """What a crowd of lib/customers.py wrote down: bodies by number, and the answers to each."""
    asked, answered = {}, defaultdict(list)
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        if "asked" in entry:
            asked[entry["asked"]] = entry["body"]
        else:
            answered[entry["answered"]].append((entry["status"], entry["id"]))
    return asked, answered


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--ledger", type=Path, required=True, help="of klaviyo-sandbox")
    parser.add_argument("--customers", type=Path, help="of tests/lib/customers.py; without it 201s are not judged")
    parser.add_argument("--unfinished", action="store_true", help="events may still be pending")
    options = parser.parse_args()
    asked, answered = read_customers(options.customers) if options.customers else (None, None)
    evidence = Evidence(options.database, options.ledger, asked, answered)
    try:
        repeats = judge(evidence, not options.unfinished)
    except AssertionError as broken:
        print(broken)
        return 1
    accepted = sum(any(status == 201 for status, _ in answers) for answers in evidence.answered.values())
    print(f"{len(evidence.preorders)} preorders, {len(evidence.events)} events, {len(evidence.ledger)} in the ledger, "
          f"{accepted} answered 201, {repeats} repeats: every promise kept")
    return 0


if __name__ == "__main__":
    sys.exit(main())
