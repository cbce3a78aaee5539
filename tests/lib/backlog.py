"""A backlog out of nothing: events in the thousands, as if the API had stored them, and how bulk jobs carry them."""

import contextlib
import hashlib
import re
import sqlite3
import uuid

PROFILE = re.compile(r',"profile":(\{"data":\{"type":"profile","attributes":\{"email":"(?:[^"\\]|\\.)*"\}\}\})')
BULK_PATH = "/api/event-bulk-create-jobs"


def member(payload):
    """The element of `events.data` that a bulk job makes of a single event's body."""
    assert payload.startswith('{"data":') and payload.endswith("}")
    data = payload[len('{"data":'):-1]
    found = PROFILE.search(data)
    return data[:found.start()] + data[found.end():]


def sha256_on(path, payload, backfill=False):
    """What the ledger has to say of an event with this body that came to `path`."""
    if backfill:
        payload = re.sub(r'"backfill":false\}\}\}$', '"backfill":true}}}', payload)
    return hashlib.sha256((member(payload) if path == BULK_PATH else payload).encode()).hexdigest()


def _identifier(number, kind):
    return str(uuid.UUID(f"01900000-0000-7{kind:03x}-8000-{number:012x}"))


def _copies(template, preorder, count, age_ms, email_of):
    for number in range(count):
        preorder_id, event_id = _identifier(number, 1), _identifier(number, 2)
        name = f"BLK-{number:08d}"
        email = email_of(number)
        at = template["created_at"] - age_ms + number // 100
        payload = template["payload"]
        for old, new in ((preorder["id"], preorder_id), (template["id"], event_id), (preorder["email"], email),
                         (preorder["number"], name)):
            payload = payload.replace(f'"{old}"', f'"{new}"')
        yield ({**preorder, "id": preorder_id, "number": name, "email": email, "created_at": at,
                "updated_at": at},
               {**template, "id": event_id, "preorder_id": preorder_id, "payload": payload, "created_at": at,
                "next_attempt_at": at, "request_id": f"backlog-{number}"})


def _insert(connection, table, rows):
    columns = list(rows[0])
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(':' + c for c in columns)})",
                           rows)


def fill(system, count, age_ms=0, email_of=lambda number: f"customer-{number}@klaviyo-demo.com"):
    """Puts `count` due events into the database, copies of a real one that goes; no program may run. Their ids."""
    system.start_api()
    system.created()
    system.api.stop()
    (preorder,) = system.rows("SELECT * FROM preorders")
    (template,) = system.events()
    copies = list(_copies(template, preorder, count, age_ms, email_of))
    connection = sqlite3.connect(system.database)
    try:
        connection.execute("DELETE FROM outbox")
        connection.execute("DELETE FROM preorders")
        _insert(connection, "preorders", [copy[0] for copy in copies])
        _insert(connection, "outbox", [copy[1] for copy in copies])
        connection.commit()
    finally:
        connection.close()
    return [copy[1]["id"] for copy in copies]


def alter(system, sql):
    """Changes the database while no program runs."""
    with contextlib.closing(sqlite3.connect(system.database)) as connection, connection:
        connection.execute(sql)


def check_ledger(system, exactly_once=True):
    """Every event that is sent is in the ledger, first lines once each, every line with the bytes of the row."""
    events = {event["id"]: event for event in system.events()}
    seen = set()
    for line in system.ledger():
        event = events[line["unique_id"]]
        assert line["sha256"] == sha256_on(line["path"], event["payload"], event["backfill_at"] is not None), \
            f"other bytes than stored: {line}"
        assert line["duplicate"] == (event["id"] in seen), line
        seen.add(event["id"])
    assert seen >= {event["id"] for event in events.values() if event["status"] == "sent"}
    assert not exactly_once or len(system.ledger()) == len(seen), "some were accepted twice"
    return seen
