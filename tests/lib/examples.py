"""The example client and page, compiled as examples/README.md says."""

import shutil
import subprocess

from lib.system import ROOT

FOLDER = ROOT / "tests" / "browser"
EXAMPLES = ROOT / "examples"


def compile_typescript(project, *options):
    """What tsc says of the project; nothing if all is well."""
    done = subprocess.run([FOLDER / "node_modules" / ".bin" / "tsc", "-p", project, *options], capture_output=True,
                          text=True, check=False)
    return done.stdout if done.returncode else ""


def make_checkout(folder):
    """The folder of the checkout page, with the client in it."""
    shutil.copytree(EXAMPLES / "checkout", folder)
    complaints = compile_typescript(EXAMPLES / "client", "--outDir", folder)
    assert not complaints, complaints
    return folder
