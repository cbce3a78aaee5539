#!/usr/bin/env python3
"""Turns one engine's .sql files into a C header and a C file.

NNNN_name.sql is a migration, numbered from 1 without holes. Every other file holds named statements:
a line "-- name: create_preorder" starts one, and it goes on to the next such line.

usage: embed.py FOLDER OUT.h OUT.c
"""
import pathlib
import re
import sys


def fail(message):
    sys.exit(f"embed.py: {message}")


def c_string(text):
    lines = text.strip().split("\n")
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return "\n".join(f'        "{line}\\n"' for line in escaped)


def read_migrations(folder):
    migrations = []
    for path in sorted(folder.glob("[0-9]*.sql")):
        match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", path.name)
        if not match:
            fail(f"{path.name}: a migration is called NNNN_name.sql")
        migrations.append((int(match[1]), match[2], path.read_text()))
    if [version for version, _, _ in migrations] != list(range(1, len(migrations) + 1)):
        fail(f"{folder}: migrations must be numbered 1, 2, 3 … without holes")
    return migrations


def read_statements(folder):
    statements = {}
    for path in sorted(folder.glob("[a-z]*.sql")):
        parts = re.split(r"^-- name: (.*)$", path.read_text(), flags=re.MULTILINE)
        for name, text in zip(parts[1::2], parts[2::2]):
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                fail(f"{path.name}: '{name}' is no name for a statement")
            if name in statements:
                fail(f"{path.name}: statement '{name}' stands twice")
            body = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("--"))
            statements[name] = body
    if not statements:
        fail(f"{folder}: no statements")
    return statements


def main():
    folder, header_path, source_path = (pathlib.Path(argument) for argument in sys.argv[1:4])
    migrations, statements = read_migrations(folder), read_statements(folder)
    enum = "\n".join(f"    SQL_{name.upper()}," for name in statements)
    header_path.write_text(f"""#pragma once
/* Made by schema/embed.py from the files of schema/{folder.name}. */

enum sql_statement {{
{enum}
    SQL_STATEMENT_COUNT
}};

struct sql_text {{
    const char *name;
    const char *text;
}};

enum {{ SQL_MIGRATION_COUNT = {len(migrations)} }};

extern const struct sql_text sql_statements[SQL_STATEMENT_COUNT];
extern const struct sql_text sql_migrations[SQL_MIGRATION_COUNT]; /* [0] leads to version 1 */
""")
    rows = "\n".join(f'    {{"{name}",\n{c_string(text)}}},' for name, text in statements.items())
    steps = "\n".join(f'    {{"{name}",\n{c_string(text)}}},' for _, name, text in migrations)
    source_path.write_text(f"""#include "schema/{header_path.name}"

const struct sql_text sql_statements[SQL_STATEMENT_COUNT] = {{
{rows}
}};

const struct sql_text sql_migrations[SQL_MIGRATION_COUNT] = {{
{steps}
}};
""")


main()
