"""What stands in the tree as a whole."""

import json
import re
import subprocess

import pytest

from lib.system import ROOT
from lib.tree import files, functions, read

TEXTS = [path for path in files() if not path.endswith((".png", ".ico"))]

# Places of somebody's machine, and where packages come from: neither belongs to the project.
NOT_FOR_THE_TREE = re.compile(
    r"(?<![\w.])/(?:work|farm|home|root|Users)/|(?:npm[j]s|yarn[p]kg|deb[.]debian|pypi|crates)[.](?:org|com|io)"
    r"|registry[.]\w+[.]\w+")
UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E)\b")


def test_no_path_of_a_machine_and_no_registry_is_named():
    wrong = [f"{path}:{number} {match.group()}" for path in TEXTS
             for number, line in enumerate(read(path).splitlines(), 1)
             for match in NOT_FOR_THE_TREE.finditer(line)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", files("package-lock.json"))
def test_a_lock_file_of_npm_names_hashes_but_no_place_to_fetch_from(path):
    packages = json.loads(read(path))["packages"]
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []


def test_nothing_is_left_for_later():
    wrong = [f"{path}:{number}" for path in TEXTS
             for number, line in enumerate(read(path).splitlines(), 1) if UNFINISHED.search(line)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", ["dev", ".ci/run"])
def test_a_script_parses(path):
    done = subprocess.run(["bash", "-n", ROOT / path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_name_in_the_one_minute_table_exists():
    named = re.findall(r"`([\w/.-]+\.c): ?(\w+)`", read("ARCHITECTURE.md"))
    assert len(named) >= 6, "the table names where a request enters, a commit happens, and so on"
    there = {(each["path"], each["name"]) for each in functions(sorted({path for path, _ in named
                                                                        if (ROOT / path).exists()}))}
    wrong = [f"{path}: {name}" for path, name in named if (path, name) not in there]
    assert not wrong, "\n".join(wrong)


def test_every_check_that_clang_tidy_leaves_out_has_its_reason():
    text = read(".clang-tidy")
    left_out = re.findall(r"^  -([a-z][\w.-]*\*?)", text.split("Checks:")[1], re.M)
    without = [name for name in left_out if not re.search(rf"^# {re.escape(name)}: \S", text, re.M)]
    assert left_out and not without, f"no reason for {without}"


@pytest.mark.parametrize("path", files(".md"))
def test_links_between_documents_lead_somewhere(path):
    folder = (ROOT / path).parent
    wrong = [target for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", read(path))
             if "://" not in target and not (folder / target).exists()]
    assert not wrong, f"{path}: {wrong}"


def test_every_suppression_of_a_sanitizer_has_its_reason():
    """In the lines above it. Nothing else keeps a sanitizer quiet."""
    without = [block for block in read("tests/tsan.supp").strip().split("\n\n")
               if re.search(r"^[^#]", block, re.M) and not block.startswith("#")]
    assert not without, f"no reason for {without}"
    quiet = re.compile("no_" + "sanitize|__tsan_" + "default|__asan_" + "default|__lsan_" + "default|black" + "list=")
    assert [path for path in TEXTS if quiet.search(read(path))] == []
