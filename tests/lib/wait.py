"""Waiting for things to happen, never for time to pass."""

import os
import time

# Sanitizers and busy machines are slow; a deadline is there to end a hanging test, not to judge speed.
PATIENCE = float(os.environ.get("TEST_PATIENCE", "1"))

STEP_S = 0.01


class TooLate(AssertionError):
    """A condition did not come true in time."""


def wait_until(condition, deadline_s=15.0, what="the condition", check=None):
    """Returns the first true value of condition(); raises TooLate after the deadline.

    `what` names the condition in the error: text, or a function that tells how things stand.
    `check` is called between looks and may raise, for instance when a process has died.
    """
    end = time.monotonic() + deadline_s * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if check is not None:
            check()
        if time.monotonic() > end:
            told = what() if callable(what) else what
            raise TooLate(f"not within {deadline_s * PATIENCE:g} s: {told}")
        time.sleep(STEP_S)
