"""Every header is complete in itself, for both compilers."""

import subprocess

import pytest

from lib.system import BUILD, ROOT
from lib.tree import files

HEADERS = files(".h")


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_every_header_compiles_alone(compiler):
    wrong = []
    for header in HEADERS:
        # Twice: a header without #pragma once fails too.
        source = f'#include "{header}"\n#include "{header}"\n'
        done = subprocess.run(
            [compiler, "-std=c17", "-D_GNU_SOURCE", '-DPREORDER_VERSION="0"', "-Wall", "-Wextra",
             "-Werror", "-Wno-unused-function", "-Wno-missing-field-initializers", "-fsyntax-only",
             "-I", ROOT, "-I", BUILD, "-x", "c", "-"],
            input=source, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            wrong.append(f"{header}: {done.stderr[:1000]}")
    assert not wrong, "\n".join(wrong)
