"""Real processes: started, watched, stopped or killed by their own pid."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

from lib.wait import PATIENCE, wait_until

# A whole address; a masked one ("a***@shop.example") is none.
EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+(?<!\*\*\*)@[A-Za-z0-9-]+\.[A-Za-z0-9.-]+")
SANITIZER = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|UndefinedBehaviorSanitizer")
SUPPRESSIONS = Path(__file__).resolve().parents[1] / "tsan.supp"


def clean_environment(**settings):
    """An environment in which nothing of the caller's settings is left."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    env["PREORDER_LOG_FORMAT"] = "json"
    env["ASAN_OPTIONS"] = "detect_leaks=1:abort_on_error=0:handle_abort=1"
    env["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1"
    env["TSAN_OPTIONS"] = f"suppressions={SUPPRESSIONS}"
    env.update({name: str(value) for name, value in settings.items() if value is not None})
    return env


class Died(AssertionError):
    """A process ended when it should not have."""


class Process:
    """A program with its output in files. It dies with the test that started it."""

    def __init__(self, name, argv, env, folder):
        self.name = name
        self.stdout_path = folder / f"{name}.out"
        self.stderr_path = folder / f"{name}.err"
        self.is_stopping = False
        self.is_exempt = False  # its exit status is not judged at the end
        # What is preloaded is meant for the program alone: setpriv hangs with a sanitizer's runtime.
        preload = ["env", f"LD_PRELOAD={env['LD_PRELOAD']}"] if "LD_PRELOAD" in env else []
        env = {name: value for name, value in env.items() if name != "LD_PRELOAD"}
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            self.popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *preload, *map(str, argv)], stdin=subprocess.DEVNULL,
                stdout=out, stderr=err, env=env, cwd=folder)

    def __repr__(self):
        return f"<{self.name} {self.pid}>"

    @property
    def pid(self):
        return self.popen.pid

    def stdout(self):
        return self.stdout_path.read_text(errors="replace")

    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def log(self, message=None):
        """The JSON lines it logged, those with that msg if one is given."""
        lines = [line for line in self.stderr().splitlines() if line.startswith("{")]
        entries = []
        for line in lines:
            try:
                entries.append(json.loads(line))
            except ValueError:  # the last line may be half written
                if line is not lines[-1]:
                    raise
        return [entry for entry in entries if message is None or entry.get("msg") == message]

    def is_running(self):
        return self.popen.poll() is None

    def check_running(self):
        if not self.is_running():
            raise Died(f"{self.name} ended with {self.popen.returncode}: {self.stderr()[-3000:]}")

    def wait_for(self, condition, what, deadline_s=20.0):
        """As wait_until, but gives up at once when the process ends."""
        return wait_until(condition, deadline_s, lambda: f"{self.name}: {what}; {self.stderr()[-2000:]}",
                          self.check_running)

    def wait_log(self, message, deadline_s=20.0, matches=lambda entry: True):
        """The first log entry with that msg (and that matches)."""
        found = self.wait_for(lambda: [e for e in self.log(message) if matches(e)], f"logs {message!r}",
                              deadline_s)
        return found[0]

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, deadline_s=20.0):
        """Its exit status."""
        return self.popen.wait(deadline_s * PATIENCE)

    def stop(self, deadline_s=20.0):
        """Asks it to drain; its exit status."""
        if self.is_running() and not self.is_stopping:
            self.is_stopping = True
            self.signal(signal.SIGTERM)
        return self.wait(deadline_s)

    def kill(self):
        """kill -9."""
        self.is_exempt = True
        if self.is_running():
            self.popen.kill()
        self.popen.wait()

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def complaints(self):
        """What is wrong with what it wrote: e-mail addresses, sanitizers' reports."""
        found = []
        for path in (self.stdout_path, self.stderr_path):
            with open(path, errors="replace") as stream:
                for line in stream:
                    if SANITIZER.search(line):
                        found.append(f"{path.name}: {line.strip()[:500]}")
                    elif EMAIL.search(line):
                        found.append(f"{path.name} holds an e-mail address: {line.strip()[:500]}")
        return found
