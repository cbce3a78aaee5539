"""kill -9 and SIGSTOP of API and workers under load, round after round."""

import random
import re
import shutil
import socket
import time

from lib import invariants
from lib.customers import Customers
from lib.gate import is_held
from lib.process import Died
from lib.system import API, BUILD, WORKER, System
from lib.wait import wait_until

ROUNDS, ROUNDS_QUICK = 10_000, 200
CONTROLS, CONTROL_ROUNDS = 5, 40  # chapters, until one loses something
EARLY = BUILD / "tests" / "torture" / "api-early"  # the control: it answers before it commits
CHAPTER = 100       # rounds with one database, then the checker looks
PRESSES = (1, 15)   # preorders accepted between two faults
HOSTS = ("east", "west")  # a worker each: on one's own host the dead are known, on another only the lease tells
LEASE_S = 1
STOP_SHARE = 0.3
LONG_SHARE = 0.2    # of the workers' stops; the others are brief
BRIEF_S, LONG_S = (0, 0.05), (1.05 * LEASE_S, 1.5 * LEASE_S)
SETTINGS = {"PREORDER_LEASE": f"{LEASE_S}s", "PREORDER_REQUEST_TIMEOUT": "200ms", "PREORDER_WRITE_TIMEOUT": "600ms",
            "PREORDER_CONCURRENCY": "16", "PREORDER_RATE_BURST": 1_000_000, "PREORDER_RATE_STEADY": 10_000_000,
            "PREORDER_RETRY_MAX_ATTEMPTS": 1000}


def free_address():
    """An address that stays the same when the API comes back."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


class Victims:
    """The API and its workers: killed and started again, stopped and continued."""

    def __init__(self, system, dice, api):
        self.system, self.dice, self.api, self.address = system, dice, api, free_address()
        self.running = {}   # the API's name or a host's: its process
        self.thaw_at = {}   # the same for those that are stopped: when they go on
        self.sums = {"kills": 0, "killed_stopped": 0, "stops": 0, "leases_slept": 0}

    def start(self):
        wait_until(self._are_all_there, 60, "the API and both workers are there")

    def _are_all_there(self):
        """Starts who is missing, when no stopped process holds the gate: who starts then gives up and ends."""
        wait_until(lambda: self.thaw() or not (self.thaw_at and is_held(self.system.database)), 20, "the gate is free")
        missing = [name for name in ("api", *HOSTS) if name not in self.running]
        self.running |= {name: self._start(name) for name in missing}
        for name in missing:
            self._wait_ready(name)
        return len(self.running) == 1 + len(HOSTS)

    def _wait_ready(self, name):
        process = self.running[name]
        try:
            process.wait_log("ready")
        except Died:
            if "was not free" not in process.stderr():
                raise
            process.is_exempt = True  # the machine is busy: it is started again, as a supervisor would
            del self.running[name]

    def _start(self, name):
        if name == "api":
            return self.system.start("api", self.api, PREORDER_LISTEN=self.address)
        return self.system.start("worker", WORKER, PREORDER_HOST_ID=name, **SETTINGS)

    def strike(self):
        """Some of them or all, one right after the other."""
        if self.dice.random() < STOP_SHARE:
            self._stop()
        else:
            self._kill()

    def _stop(self):
        name = self.dice.choice(sorted(self.running))
        if name not in self.thaw_at:
            is_long = name != "api" and self.dice.random() < LONG_SHARE
            sleep_s = self.dice.uniform(*(LONG_S if is_long else BRIEF_S))
            self.running[name].freeze()
            self.thaw_at[name] = time.monotonic() + sleep_s
            self.sums["stops"] += 1
            self.sums["leases_slept"] += sleep_s > LEASE_S

    def _kill(self):
        chosen = self.dice.sample(sorted(self.running), self.dice.randint(1, len(self.running)))
        for name in chosen:
            self.running[name].is_exempt = True
            self.running[name].popen.kill()
        for name in chosen:
            self.running.pop(name).wait()
            self.sums["killed_stopped"] += self.thaw_at.pop(name, None) is not None
        self.sums["kills"] += len(chosen)

    def thaw(self, everybody=False):
        for name in [name for name, at in self.thaw_at.items() if everybody or time.monotonic() >= at]:
            self.running[name].thaw()
            del self.thaw_at[name]


def live(system, dice, rounds, api=API):
    """Some rounds, to their end; what happened."""
    system.migrate().start_sandbox("--burst", "100000", "--steady", "1000000")
    victims = Victims(system, dice, api)
    victims.start()
    customers = Customers(victims.address, system.folder / "customers.jsonl", dice.random(), crowd=8)

    def are_served(wanted):
        victims.thaw()
        return customers.accepted_count >= wanted
    for _ in range(rounds):
        wanted = customers.accepted_count + dice.randint(*PRESSES)
        wait_until(lambda wanted=wanted: are_served(wanted), 60, f"{wanted} preorders are accepted")
        victims.strike()
        victims.start()
    victims.thaw(everybody=True)
    customers.stop()
    wait_until(lambda: system.count("pending") == 0, 120, system.story)
    accepted = [number for number, answers in customers.answered.items()
                if any(status == 201 for status, _ in answers)]
    return {**victims.sums, "rounds": rounds, "asked": len(customers.asked), "accepted": len(accepted),
            "repeats": invariants.check(system, customers, lease_ms=1000 * LEASE_S),
            "stored": system.value("SELECT count(*) FROM preorders"), "ledger": len(system.ledger()),
            "unknown": system.value("SELECT count(*) FROM outbox_attempts WHERE outcome = 'unknown'")}


def tell(proof, name, rounds, api=API):
    """A chapter in a folder of its own, which goes if all was well."""
    folder = proof.folder / str(name)
    folder.mkdir()
    system = System(folder)
    try:
        sums = live(system, random.Random(f"{proof.seed} {name}"), rounds, api)
    finally:
        complaints = system.close()
    assert not complaints, complaints
    shutil.rmtree(folder)
    return sums


def control(proof):
    """The same with an API that answers before it commits."""
    for number in range(CONTROLS):
        try:
            tell(proof, f"control-{number}", CONTROL_ROUNDS, EARLY)
        except AssertionError as caught:
            lost = re.search(r"answered 201 and not stored as answered: (\d+)", str(caught))
            assert lost, f"the control lost nothing: {caught}"
            return f"an API that answers before it commits lost {lost[1]} in {CONTROL_ROUNDS} rounds"
    raise AssertionError("the control, an API that answers before it commits, was not caught")


def prove(proof):
    wanted = ROUNDS_QUICK if proof.quick else ROUNDS
    caught = control(proof)
    state = proof.load() or {"chapters": 0, "sums": {"rounds": 0}}
    sums = state["sums"]
    while sums["rounds"] < wanted:
        for name, value in tell(proof, state["chapters"], min(CHAPTER, wanted - sums["rounds"])).items():
            sums[name] = sums.get(name, 0) + value
        state["chapters"] += 1
        proof.save(state)
    return (f"{sums['rounds']:,} rounds, {sums['kills']:,} kills ({sums['killed_stopped']:,} of them of a stopped "
            f"process), {sums['stops']:,} stops ({sums['leases_slept']:,} longer than a lease), {sums['asked']:,} "
            f"asked, {sums['accepted']:,} answered 201, 0 lost, {sums['stored']:,} stored, {sums['ledger']:,} in the "
            f"ledger, {sums['unknown']:,} attempts unknown, {sums['repeats']:,} repeats; control: {caught}")
