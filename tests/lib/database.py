"""Looks at the database, read-only and beside the programs: their own words are not believed."""

import sqlite3


def read_rows(path, sql, *parameters):
    """The rows of a query as dicts, in one short read transaction."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql, parameters)]
    finally:
        connection.close()


def read_value(path, sql, *parameters):
    rows = read_rows(path, sql, *parameters)
    return next(iter(rows[0].values())) if rows else None


def is_whole(path):
    return read_value(path, "PRAGMA integrity_check") == "ok"
