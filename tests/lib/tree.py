"""The files of the project, for the lint tests."""

import json
import os
import re
import subprocess

from lib.system import ROOT

NOT_OURS = {".git", "build", "build-asan", "build-clang", "build-cov", "build-fuzz", "build-tsan", "var",
            "node_modules", "__pycache__", ".pytest_cache"}


def files(*suffixes):
    """Paths relative to the root of all files with one of the suffixes; all without any."""
    found = []
    for folder, names, file_names in os.walk(ROOT):
        names[:] = sorted(name for name in names if name not in NOT_OURS)
        for name in sorted(file_names):
            if not suffixes or name.endswith(suffixes):
                found.append(os.path.relpath(os.path.join(folder, name), ROOT))
    return found


def read(path):
    return (ROOT / path).read_text(errors="replace")


_PARTS = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def code(path):
    """A C file without its comments and the insides of its strings, line for line."""
    def blank(match):
        text = match.group()
        return '""' if text.startswith('"') else "\n" * text.count("\n") or " "
    return _PARTS.sub(blank, read(path))


def includes(path):
    """What a C file includes: (line number, "header" as written without its quotes, is ours)."""
    for number, line in enumerate(read(path).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            yield number, match.group(2), match.group(1) == '"'


def functions(paths):
    """Every function defined in the files: dicts with path, name, line, end, signature."""
    done = subprocess.run(
        ["ctags", "--languages=C", "--langmap=C:.c.h", "--kinds-C=f", "--fields=+neS",
         "--output-format=json", "-f", "-", *paths],
        cwd=ROOT, capture_output=True, text=True, check=True)
    found = []
    for line in done.stdout.splitlines():
        tag = json.loads(line)
        found.append({"path": tag["path"], "name": tag["name"], "line": tag["line"],
                      "end": tag.get("end", tag["line"]), "signature": tag.get("signature", "()")})
    return found
