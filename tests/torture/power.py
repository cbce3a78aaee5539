"""Power cuts at every operation of stories told by the real api and worker, on a disk in memory."""

import json
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from lib.memory import memory_or
from lib.system import BUILD

IMAGES, IMAGES_QUICK = 1_000_000, 20_000
CUTS, CUTS_QUICK = 4, 1      # images at each operation
STORIES, STORIES_QUICK = 2, 2  # told by one process before the sums are written down
PROCESSES = 2
CONTROLS, CONTROLS_QUICK = 6, 2
TIMEOUT_S = 3600


def tell(proof, first, count, cuts, synchronous="full"):
    """Some stories, cut; their sums."""
    with tempfile.TemporaryDirectory(dir=memory_or(proof.folder)) as folder:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", BUILD / "tests/torture/power", folder,
             *map(str, (proof.seed, first, count, cuts)), synchronous],
            capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, f"stories {first} to {first + count - 1}: {done.returncode} {done.stderr}"
    return json.loads(done.stdout), done.stderr


def add(sums, more):
    for name, value in more.items():
        sums[name] = sums.get(name, 0) + value


def harm(sums):
    return sums["lost"] + sums["torn"] + sums["corrupt"]


def control(proof, synchronous):
    """The same without a sync for each commit: it must be caught."""
    sums, _ = tell(proof, 0, CONTROLS_QUICK if proof.quick else CONTROLS, 1, synchronous)
    assert harm(sums) > sums["images"] / 20, f"the control {synchronous} was not caught: {sums}"
    return (f"{synchronous.upper()} {sums['lost']} lost, {sums['torn']} torn, {sums['corrupt']} corrupt "
            f"of {sums['images']:,}")


def prove(proof):
    wanted, cuts, stories = ((IMAGES_QUICK, CUTS_QUICK, STORIES_QUICK) if proof.quick
                             else (IMAGES, CUTS, STORIES))
    state = proof.load() or {"next": 0, "sums": {"images": 0}}
    while state["sums"]["images"] < wanted:
        with ThreadPoolExecutor(PROCESSES) as pool:
            chunks = [pool.submit(tell, proof, state["next"] + i * stories, stories, cuts)
                      for i in range(PROCESSES)]
        for chunk in chunks:
            more, complaints = chunk.result()
            assert harm(more) == 0, f"{more} {complaints}"
            add(state["sums"], more)
            state["next"] += stories
        proof.save(state)
    sums = state["sums"]
    controls = "; ".join(control(proof, synchronous) for synchronous in ("normal", "off"))
    return (f"{sums['images']:,} images, {sums['second_images']:,} of them cut twice, at each of {sums['ops']:,} "
            f"operations, {sums['syncs']:,} of them syncs, of {sums['commits']:,} commits in {sums['stories']:,} "
            f"stories with {sums['accepted']:,} answers 201, {sums['paid']:,} payments and "
            f"{sums['requests']:,} requests to Klaviyo: {sums['lost']} lost, {sums['torn']} torn, "
            f"{sums['corrupt']} corrupt; controls: {controls}")
