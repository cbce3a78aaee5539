"""clang-format decides how C looks; nobody else."""

import subprocess

from lib.system import ROOT
from lib.tree import files, read


def test_every_source_is_formatted():
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", "--ferror-limit=1",
                           *files(".c", ".h")], cwd=ROOT, capture_output=True, text=True, check=False)
    wrong = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "error:" in line})
    assert done.returncode == 0, "run ./dev fmt: " + " ".join(wrong)


def test_no_line_is_longer_than_120_columns():
    """clang-format keeps C to 100; this is for what it leaves alone: comments, SQL, Python."""
    wrong = [f"{path}:{number}" for path in files(".c", ".h", ".sql", ".py")
             for number, line in enumerate(read(path).splitlines(), 1) if len(line) > 120]
    assert not wrong, "\n".join(wrong)


def test_no_line_ends_in_white_space():
    wrong = [f"{path}:{number}" for path in files(".c", ".h", ".sql", ".py", ".md", ".build", "dev", "run")
             for number, line in enumerate(read(path).splitlines(), 1) if line != line.rstrip()]
    assert not wrong, "\n".join(wrong)
