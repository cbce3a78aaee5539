"""Debian's strace around the main thread of a process: which system calls it makes, and its death at one of them.

A signal is injected at the entry of a call (seen with strace 6.1 on Linux 6): SIGKILL then ends the process and the
call is not made; with SIGSTOP it is made, and the process stops before its next instruction, where it is killed.
"""

import re
import shutil
import subprocess
import threading
import time
from collections import Counter

from lib.wait import wait_until

BEFORE, AFTER = "before", "after"
SIGNALS = {BEFORE: "KILL", AFTER: "STOP"}
STOPPED = b"stopped by SIGSTOP"
CALL = re.compile(r"^([a-z_0-9]+)\(", re.MULTILINE)
# The one that starts the program, and what strace's own coming makes of the call that it finds the process in.
NOT_OURS = ("execve", "restart_syscall")
LOOK_S = 0.001


def is_there():
    """Whether it is installed, and lets us watch."""
    return shutil.which("strace") is not None and subprocess.run(
        ["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0


class Strace:
    """Watches, and kills at the n-th call of a kind, either a process that runs or a program that it starts."""

    def __init__(self, system, death=None):
        """`death`: (call, number, BEFORE or AFTER); without it all calls are written down."""
        self.system = system
        self.path = system.folder / "strace.out"
        self.death = death
        self.argv = ["strace", "-o", self.path, "-e", "signal=STOP"]
        if death:
            call, number, side = death
            self.argv += ["-e", f"trace={call}", "-e", f"inject={call}:signal={SIGNALS[side]}:when={number}"]
        self.victim = None
        self.is_over = False
        self.killer = threading.Thread(target=self._kill_when_stopped, daemon=True)

    def attach(self, victim):
        """From now on; other threads of the process are left alone."""
        tracer = self.system.start("strace", *self.argv, "-p", victim.pid)
        tracer.is_exempt = True
        tracer.wait_for(lambda: "attached" in tracer.stderr(), "watches")
        self._watch(victim)

    def start(self, name, program, *args, **settings):
        """Starts the program under it, from the first instruction on; the program's own process."""
        self._watch(self.system.start(name, *self.argv, "-D", program, *args, **settings))
        return self.victim

    def _watch(self, victim):
        self.victim = victim
        victim.is_exempt = True
        self.killer.start()

    def _kill_when_stopped(self):
        while not self.is_over and self.victim.is_running():
            if self.death and self.death[2] == AFTER and STOPPED in self._read():
                self.victim.popen.kill()
                return
            time.sleep(LOOK_S)

    def _read(self):
        return self.path.read_bytes() if self.path.exists() else b""

    def wait(self, is_through, what):
        """Until the victim died, or has done what it was to do and rests. True if it died at its call."""
        def is_over():
            return not self.victim.is_running() or (is_through() and self._rests())
        try:
            wait_until(is_over, 20, what)
        finally:
            self.is_over = True
            self.killer.join()
        self.victim.popen.poll()
        return not self.victim.is_running() and self.victim.popen.returncode == -9

    def _rests(self):
        """It waits in poll, where both programs wait for something to do."""
        try:
            with open(f"/proc/{self.victim.pid}/wchan", encoding="ascii") as stream:
                return "poll" in stream.read()
        except OSError:
            return True

    def calls(self):
        """How often each call was made."""
        counts = Counter(CALL.findall(self._read().decode(errors="replace")))
        return {call: count for call, count in counts.items() if call not in NOT_OURS}


