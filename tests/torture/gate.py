"""Eight writers with a checkpoint every few pages, with the gate and, as the control, without it."""

import json
import shutil
import subprocess
import tempfile

from lib.memory import memory_or
from lib.system import BUILD

SECONDS, SECONDS_QUICK = 60, 8
SLACK_SECONDS = 120

# Where SQLite itself is cured of the race that the gate is for (sqlite.org, "WAL-reset bug").
def is_cured(version):
    return version >= 3051003 or 3050007 <= version < 3051000 or 3044006 <= version < 3045000


def experiment(proof, program, mode, *arguments):
    """In memory if there is such a place: more can go wrong in a second."""
    shared = memory_or(None)
    folder = tempfile.mkdtemp(prefix=f"torture-{program}-", dir=shared)
    try:
        done = subprocess.run([BUILD / "tests/torture" / program, mode, folder, str(proof.seed), *map(str, arguments)],
                              capture_output=True, text=True, timeout=SECONDS + SLACK_SECONDS, check=False)
        assert done.returncode == 0, f"{program} {mode}: exit status {done.returncode}: {done.stderr}"
        return json.loads(done.stdout)
    finally:
        shutil.rmtree(folder)


def damage(result):
    """What an experiment did to what was acknowledged; empty if nothing."""
    found = []
    if result["lost"]:
        found.append(f"{result['lost']} of {result.get('promised', result.get('acked'))} acknowledged lost")
    if not result["sound"]:
        found.append("file damaged")
    if result.get("crashed"):
        found.append(f"{result['crashed']} writers crashed")
    if result.get("broken"):
        found.append(f"errors: {result['first_error']}")
    return ", ".join(found)


def prove(proof):
    seconds = SECONDS_QUICK if proof.quick else SECONDS
    load = experiment(proof, "gate", "load", seconds)
    assert not damage(load), f"with the gate: {damage(load)}"
    assert load["busy"] == 0, f"with the gate: busy {load['busy']} times: {load['first_error']}"
    assert load["checkpoints"] > load["commits"] / 10, f"too few checkpoints: {load}"
    forced = experiment(proof, "gate", "interleave")
    assert forced["kept_out"] and not forced["entered"], f"the gate let the writer in: {forced}"
    assert not damage(forced), f"forced, with the gate: {damage(forced)}"

    control = experiment(proof, "gate-control", "load", seconds)
    control_forced = experiment(proof, "gate-control", "interleave")
    assert control_forced["entered"], f"the control's writer was kept out: {control_forced}"
    broke = damage(control_forced)
    assert broke or is_cured(control_forced["sqlite"]), f"the control did not break: {control_forced}"
    if broke:
        broke = f"forced interleaving {broke}"
    else:
        broke = "forced interleaving harmless, this SQLite is cured"
    return (f"{load['writers']} writers, {seconds} s: {load['commits']} commits, {load['checkpoints']} checkpoints, "
            f"{load['promised']} acknowledged, 0 lost, sound, 0 busy, worst wait {load['worst_ms']} ms "
            f"(checkout {load['checkout_worst_ms']} ms); without the gate: the load "
            f"{damage(control) or 'had luck'}, busy {control['busy']} times; {broke}")
