"""A full disk: at every page that is left, and filling up under load; real programs, a disk of a few MiB."""

import subprocess
import sys
from pathlib import Path

from lib import gate, http, invariants
from lib.customers import Customers
from lib.mount import SmallDisk, may_mount
from lib.system import CTL
from lib.wait import wait_until

SIZE_KIB = 8 * 1024
STEPS, STEPS_QUICK = 500, 24
DELIVER_EVERY = 10   # of the steps, one with a worker
CREATES = 3
REFUSED_UNDER_LOAD = 100
SETTINGS = {"PREORDER_RETRY_MAX_ATTEMPTS": 1000, "PREORDER_RATE_BURST": 1_000_000,
            "PREORDER_RATE_STEADY": 10_000_000}


def in_namespace(proof):
    """Who may not mount does so in a namespace of their own, if the kernel lets them."""
    again = [sys.executable, Path(__file__).with_name("run.py"), proof.name, "--seed", str(proof.seed)]
    again += ["--quick"] if proof.quick else []
    done = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", *again], capture_output=True, text=True,
                          check=False)
    if "seed" not in done.stdout:
        proof.skip(f"no right to mount a small disk, and no namespace to get it in: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()[0].split(": ", 1)[1].rsplit(" (", 1)[0]


def customer(number):
    return {"email": f"customer{number}@klaviyo-demo.com", "properties": {"number": number}}


class Steps:
    """One disk, one database; each step starts the API anew, so that the log has to grow again."""

    def __init__(self, system, disk):
        self.system, self.disk = system, disk
        self.statuses = {201: 0, 503: 0}
        self.number = 0
        self.unstarted = 0

    def ask(self, number):
        answer = self.system.create({"Idempotency-Key": f"key-{number}"}, **customer(number))
        assert answer.status in (201, 503), f"{answer.status} on a full disk: {answer.body[:300]}"
        return answer.status

    def create(self, pages):
        self.disk.leave(pages)
        refused = []
        for _ in range(CREATES):
            self.number += 1
            status = self.ask(self.number)
            self.statuses[status] += 1
            refused += [self.number] if status == 503 else []
        self.disk.clear()
        for number in refused:
            assert self.ask(number) == 201, f"{pages} pages: no 201 after there was room again"

    def deliver(self, pages):
        """Klaviyo takes everything; what the worker cannot write down now it writes when there is room."""
        worker = self.system.start_worker(**SETTINGS)
        gate.freeze_outside(worker, self.system.database)
        for _ in range(CREATES):
            self.number += 1
            status = self.ask(self.number)
            assert status == 201, f"{pages} pages, before they were taken away: {status}"
        self.disk.leave(pages)
        worker.thaw()
        worker.wait_for(lambda: self.system.count("pending") == 0 or self._says_full(worker),
                        "delivers or says why not")
        self.disk.clear()
        wait_until(lambda: self.system.count("pending") == 0, 60, self.system.story)
        status = worker.stop()
        assert status == 0, f"the worker ended with {status}: {worker.stderr()}"

    @staticmethod
    def _says_full(worker):
        return [entry for entry in worker.log() if "disk is full" in str(entry.get("error", ""))]

    def start(self, pages):
        """The first process finds the disk full: it serves, or says why not and ends with 1."""
        self.disk.leave(pages)
        done = self.system.run(CTL, "status")
        if done.returncode != 0:
            self.unstarted += 1
            assert done.returncode == 1 and done.stderr, f"{done.returncode} {done.stderr}"
        self.disk.clear()

    def step(self, pages):
        self.start(pages)
        self.system.start_api()
        self.create(pages)
        if pages % DELIVER_EVERY == 0:
            self.deliver(pages)
        assert self.system.api.stop() == 0, self.system.api.stderr()


def check_steps(system, steps):
    """Every number was told 201 in the end: stored once, delivered once."""
    worker = system.start_worker(**SETTINGS)
    wait_until(lambda: system.count("pending") == 0, 120, system.story)
    assert worker.stop() == 0
    stored = system.value("SELECT count(*) FROM preorders")
    assert stored == steps.number, f"{steps.number} told 201, {stored} stored"
    lines = [line["unique_id"] for line in system.ledger()]
    assert len(lines) == len(set(lines)) == steps.number, f"{len(lines)} delivered, {len(set(lines))} of them different"


def at_every_page(proof, system, disk):
    steps = Steps(system, disk)
    step_count = STEPS_QUICK if proof.quick else STEPS
    for pages in range(step_count):
        steps.step(pages)
    assert steps.statuses[503] > 0 and steps.statuses[201] > 0, f"the disk was never full: {steps.statuses}"
    check_steps(system, steps)
    return (f"{step_count} sizes, 0 to {step_count - 1} pages left: {sum(steps.statuses.values())} creates, "
            f"{steps.statuses[201]} answered 201, {steps.statuses[503]} 503, each of these 201 when there was room, "
            f"0 lost, each delivered once; {steps.unstarted} times a first process could not open the database and "
            f"said so")


def under_load(proof, system, disk):
    api = system.start_api()
    system.start_worker(**SETTINGS)
    customers = Customers(api.address, proof.folder / "customers.jsonl", proof.seed)
    refused = lambda: sum(status == 503 for answers in list(customers.answered.values()) for status, _ in answers)
    wait_until(lambda: customers.accepted_count >= 50, 60, "customers are served")
    for pages in range(disk.free_pages() // 16 * 16, -1, -16):
        disk.leave(min(pages, disk.free_pages()))
    wait_until(lambda: disk.leave(0) or refused() >= REFUSED_UNDER_LOAD, 120, lambda: f"{refused()} refused")
    ready = http.ask(api.admin_address, "GET", "/readyz?verbose")
    assert ready.status == 503 and b"full" in ready.body, f"ready on a full disk: {ready.status} {ready.body}"
    disk.clear()
    served = customers.accepted_count
    wait_until(lambda: customers.accepted_count >= served + 50, 60, "customers are served again")
    assert http.ask(api.admin_address, "GET", "/readyz").status == 200
    customers.stop()
    wait_until(lambda: system.count("pending") == 0, 120, system.story)
    repeats = invariants.check(system, customers)
    assert repeats == 0, f"{repeats} outcomes were not recorded and repeated"
    return (f"under load: {len(customers.asked)} asked, {refused()} times 503, "
            f"{system.value('SELECT count(*) FROM preorders')} stored, 0 lost, every outcome recorded, 0 repeats")


def prepare(proof, name):
    """A system whose database, and nothing else, lies on a small disk."""
    system = proof.system()
    disk = SmallDisk(proof.folder / name, SIZE_KIB)
    proof.at_end(disk.close)
    system.database = disk.folder / "preorder.db"
    system.settings["DATABASE_URL"] = f"sqlite:{system.database}"
    system.migrate().start_sandbox("--burst", "100000", "--steady", "1000000")
    return system, disk


def prove(proof):
    if not may_mount():
        return in_namespace(proof)
    return "; ".join((at_every_page(proof, *prepare(proof, "disk-1")), under_load(proof, *prepare(proof, "disk-2"))))
