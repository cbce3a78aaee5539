#!/usr/bin/env python3
"""Turns the API's description into a C file: its text without white space, and an ETag of these bytes.

usage: embed.py openapi.json OUT.c
"""
import hashlib
import json
import pathlib
import re
import sys

LINE_CHARS = 96


def c_string(text):
    """One string literal, cut into lines, none of them in the middle of an escape."""
    escaped = re.sub(r'([\\"?])', r"\\\1", text)
    lines = re.findall(rf"(?:\\.|[^\\]){{1,{LINE_CHARS}}}", escaped)
    return "\n".join(f'    "{line}"' for line in lines)


def main():
    source, target = (pathlib.Path(argument) for argument in sys.argv[1:3])
    text = json.dumps(json.loads(source.read_text(encoding="utf-8")), separators=(",", ":"))
    tag = hashlib.sha256(text.encode()).hexdigest()[:32]
    target.write_text(f"""/* Made by api/embed.py from {source.name}. */
#include "api/openapi.h"

const char openapi_text[] =
{c_string(text)};
const size_t openapi_bytes = sizeof openapi_text - 1;
const char openapi_etag[] = "\\"{tag}\\"";
""", encoding="utf-8")


main()
