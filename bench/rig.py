"""What every benchmark works with: systems set up as in production, prepared databases, the small programs."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from lib.process import Process
from lib.system import ANY_PORT, BUILD, CATALOG, CTL, ROOT, System
from lib.wait import wait_until

TOOLS = BUILD / "bench"
KEY = "0123456789abcdef0123456789abcdef"
# The first of a stock: fill swaps its parts for others of the same length.
FIRST = {"email": "customer-000000000@klaviyo-demo.com", "locale": "en"}
FILL_STEP = 250_000
SANDBOX_NICE = 10

SETTINGS = {
    "PREORDER_CATALOG": CATALOG,
    "PREORDER_LISTEN": ANY_PORT,
    "PREORDER_ADMIN_LISTEN": ANY_PORT,
    "PREORDER_WORKER_LISTEN": ANY_PORT,
    "KLAVIYO_API_KEY": "pk_test",
}
# Klaviyo's limits are not what a rate is about.
UNLIMITED = {"PREORDER_RATE_BURST": 1_000_000, "PREORDER_RATE_STEADY": 10_000_000}
SINGLES = {**UNLIMITED, "PREORDER_BULK_THRESHOLD": 0}
UNLIMITED_SANDBOX = ("--burst", "1000000", "--steady", "10000000", "--log-level", "error")
KLAVIYO_SANDBOX = ("--log-level", "error")


class BenchSystem(System):
    """All settings as they are by default; only addresses and the catalog are its own.

    The sandbox stands for another machine: it gets what the product leaves of the processors.
    """

    def __init__(self, folder, database=None):
        super().__init__(folder)
        self.settings = {**SETTINGS, "DATABASE_URL": f"sqlite:{database or self.database}"}
        if database:
            self.database = database

    def start_sandbox(self, *flags, **options):
        process = super().start_sandbox(*flags, **options)
        for task in os.listdir(f"/proc/{process.pid}/task"):
            os.setpriority(os.PRIO_PROCESS, int(task), SANDBOX_NICE)
        return process


class Rig:
    """Belongs to one run; end() leaves nothing but the stock of databases."""

    def __init__(self, folder, quick, rounds=3):
        self.quick = quick
        self.rounds = 1 if quick else rounds
        self.folder = folder
        self.stock_folder = folder / "stock"
        self.stock_folder.mkdir(parents=True, exist_ok=True)
        self.scratch = folder / f"run-{os.getpid()}"
        self.scratch.mkdir()
        self.systems = []
        self.count = 0

    def end(self):
        for system in self.systems:
            system.close()
        shutil.rmtree(self.scratch)

    # ---- Systems ----

    def new_folder(self):
        self.count += 1
        folder = self.scratch / str(self.count)
        folder.mkdir()
        return folder

    @contextmanager
    def system(self, stock=None, in_place=None):
        """On a copy of a stock, on a database as it lies, or on an empty one. Ended and removed behind."""
        folder = self.new_folder()
        system = BenchSystem(folder, in_place)
        if stock:
            copy(stock, system.database)
        system.migrate()
        self.systems.append(system)
        try:
            yield system
        finally:
            complaints = [each for each in system.close() if "e-mail" not in each]
            self.systems.remove(system)
            shutil.rmtree(folder)
        assert not complaints, complaints[:3]

    # ---- Programs ----

    def tool(self, name, *args, check=True):
        """Runs one of the small programs; the JSON of its last line."""
        done = subprocess.run([TOOLS / name, *map(str, args)], capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, f"{name} {args}: {done.returncode} {done.stderr[-2000:]}"
        return json.loads(done.stdout.splitlines()[-1])

    def wrk(self, address, connections, seconds, keys="random", addresses="random"):
        """keys, addresses: random, or "time", which begin with it."""
        done = subprocess.run(
            ["wrk", f"-t{min(2, connections)}", f"-c{connections}", f"-d{seconds}s", "-s",
             ROOT / "bench" / "create.lua", f"http://{address}/pre-order", "--", keys, addresses], capture_output=True,
            text=True, check=True)
        report = json.loads(done.stdout.splitlines()[-1])
        assert report["not_ok"] == 0, report
        report["per_second"] = report["requests"] / report["seconds"]
        return report

    @contextmanager
    def noop_server(self):
        """Baseline H; yields its address."""
        process = Process("noop", [TOOLS / "noop-server"], dict(os.environ), self.new_folder())
        try:
            line = process.wait_for(lambda: process.stdout().splitlines(), "prints where it listens")
            yield line[0].split()[-1]
        finally:
            process.kill()

    @contextmanager
    def held(self, database):
        """All that creates and searches look into at random is in memory and stays there."""
        fold(database)
        process = Process("hold", [TOOLS / "hold", "--database", database], dict(os.environ), self.new_folder())
        try:
            process.wait_for(lambda: process.stdout().endswith("\n"), "holds the indexes", deadline_s=180)
            yield json.loads(process.stdout())
        finally:
            process.kill()

    def sync_cost(self, byte_count=4096, count=None):
        """One fdatasync on the disk of the databases, µs."""
        path = self.scratch / "sync"
        return self.tool("sync-cost", "--file", path, "--bytes", byte_count, "--count",
                         count or (300 if self.quick else 1000))

    # ---- Databases ----

    def stock(self, finished=0, due=0):
        """A database with that many finished or due events, made once and kept."""
        path = self.stock_folder / f"{'finished' if finished else 'due'}-{finished or due}.db"
        if path.exists():  # it may be older than the schema
            subprocess.run([CTL, "migrate"], env={**os.environ, "DATABASE_URL": f"sqlite:{path}"}, check=True,
                           capture_output=True)
        else:
            self._make_stock(path, finished, due)
        fold(path)
        return path

    def _make_stock(self, path, finished, due):
        with self.system() as system:
            system.start_sandbox(*UNLIMITED_SANDBOX)
            api = system.start_api()
            worker = system.start_worker() if finished else None
            assert system.create({"Idempotency-Key": KEY}, **FIRST).status == 201
            if worker:
                system.wait_sent(1)
                worker.stop()
            api.stop()
            fill(system.database, finished or due)
            discard(path)
            os.rename(system.database, path)


def fill(database, count):
    for first in range(1, count, FILL_STEP):
        subprocess.run([TOOLS / "fill", "--database", database, "--key", KEY, "--first", str(first), "--count",
                        str(min(FILL_STEP, count - first)), "--total", str(count)], check=True)


def fold(database):
    """All of it into the one file, which is what gets copied. Nobody else uses it."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def discard(database):
    """With all that stands beside it: a log without its database would be taken for the next one's."""
    for path in database.parent.glob(database.name + "*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def copy(source, target):
    """Synced: what the kernel still had to write would be charged to whoever syncs next."""
    shutil.copy(source, target)
    settle_disk()


def settle_disk():
    os.sync()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepted_count(system):
    return system.stats()["accepted"]


def wait_accepted(system, count, deadline_s=600):
    """Seconds until the sandbox has accepted that many."""
    start = time.monotonic()
    wait_until(lambda: accepted_count(system) >= count, deadline_s, lambda: f"{count} accepted: {system.stats()}")
    return time.monotonic() - start


def wait_settled(system, deadline_s=60):
    """Until nothing is pending any more."""
    wait_until(lambda: system.value("SELECT NOT EXISTS (SELECT 1 FROM outbox WHERE status = 'pending'"
                                    " AND next_attempt_at IS NOT NULL)"), deadline_s, "all is settled")


def ms(us):
    return us / 1000
