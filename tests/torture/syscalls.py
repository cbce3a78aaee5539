"""Killed at every system call of the paths that a preorder, its event and its database go."""

import contextlib
import hmac
import re
import shutil
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass

from lib import http, invariants, misbehave, strace, stripe
from lib.database import read_value
from lib.gate import freeze_outside, held
from lib.metrics import Metrics
from lib.orders import Orders
from lib.strace import AFTER, BEFORE, Strace
from lib.system import API, BUILD, CTL, ROOT, System
from lib.wait import wait_until

POINTS_QUICK = 100
LANES = 2
RECORDINGS, RECORDINGS_QUICK = 2, 1
CONTROL_POINTS_QUICK = 6
HISTORY = 24              # preorders that are there, and sent, when a story begins
TRIES = 3                 # a story is not told twice in exactly the same calls
REACHED_SHARE_MIN = 0.95
SAVE_EVERY = 100
MIGRATIONS = sorted((ROOT / "schema" / "sqlite").glob("0*.sql"))
FAST = {"PREORDER_RATE_BURST": 1_000_000, "PREORDER_RATE_STEADY": 10_000_000}


def number_of(name, header):
    """An enumerator's value."""
    return int(re.search(rf"\b{name} = (\d+)", (ROOT / header).read_text())[1])


# Of the log, from which on they work it off.
API_PAGES = number_of("SERVE_CHECKPOINT_PAGES", "api/serve.h")
WORKER_PAGES = number_of("WORKER_LOG_PAGES_MIN", "worker/options.h")


@dataclass(frozen=True)
class Point:
    """Where to kill: at the n-th call of a kind since the story's window opened."""
    story: str
    call: str
    number: int
    side: str


# ---- What a story starts from ----

class History:
    """A shop with a past, at rest: made once by the real programs, copied for each story."""

    def __init__(self, folder):
        folder.mkdir()
        self.system = System(folder)
        self.system.migrate().start_sandbox()
        api = self.system.start_api()
        self.orders = Orders()
        for _ in range(HISTORY):
            assert self.orders.ask(api.address) == 201
        self.system.start_worker(**FAST)
        self.system.wait_sent(HISTORY)
        complaints = self.system.close()
        assert not complaints, complaints
        self._rest(self.system.database)
        self.oldest = folder / "version-1.db"
        self._write_oldest()

    @staticmethod
    def _rest(path):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _write_oldest(self):
        """The same rows, as the first version of the schema had them."""
        with contextlib.closing(sqlite3.connect(self.oldest)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(MIGRATIONS[0].read_text())
            connection.execute("PRAGMA user_version = 1")
            connection.execute("ATTACH ? AS new", (str(self.system.database),))
            for table in ("preorders", "idempotency_keys", "outbox", "outbox_attempts"):
                names = ", ".join(row[1] for row in connection.execute(f"PRAGMA main.table_info({table})"))
                connection.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM new.{table}")
            connection.commit()
        self._rest(self.oldest)

    def begin(self, system, database=None):
        shutil.copy(database or self.system.database, system.database)
        shutil.copy(self.system.ledger_path, system.ledger_path)
        return self.orders.copy()


def schema_of(connection):
    return sorted(connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_schema"))


def schemas():
    """What a database of each version looks like."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        found = [schema_of(connection)]
        for migration in MIGRATIONS:
            connection.executescript(migration.read_text())
            found.append(schema_of(connection))
    return found


def fill_log(database, pages):
    """Another process has written so much since the log was last worked off."""
    with held(database), contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA synchronous = OFF")
        frame_bytes = connection.execute("PRAGMA page_size").fetchone()[0] + 24
        rows = [row[0] for row in connection.execute("SELECT rowid FROM outbox")]
        path = f"{database}-wal"
        for number in range(pages):
            with open(path, "rb") as log:
                if log.seek(0, 2) // frame_bytes >= pages:
                    return
            connection.execute("UPDATE outbox SET request_id = ? WHERE rowid = ?",
                               (f"filled-{number}", rows[number % len(rows)]))


# ---- The stories ----

class Story:
    """A path: what stands around it, what happens while strace watches, how life goes on after the kill."""

    script = None  # of Klaviyo's

    def __init__(self, system, history, death=None):
        self.system, self.death = system, death
        self.orders = self.begin(history)
        self.first = len(self.orders.asked)
        self.strace = Strace(system, death)
        self.frozen = None

    def begin(self, history):
        return history.begin(self.system)

    def tell(self):
        """True if the kill came."""
        self.system.start_sandbox(script=self.script)
        self.set_up()
        return self.act()

    def set_up(self):
        """Starts what is there before."""

    def act(self):
        """What strace watches."""
        raise NotImplementedError

    def go_on(self):
        """Starts anew what was killed."""
        if self.frozen:
            self.frozen.thaw()
        if self.system.api is None or not self.system.api.is_running():
            self.system.start_api()

    def start_frozen(self):
        """A neighbour that has the database open and does nothing until it is thawed."""
        self.frozen = self.system.start_worker(**FAST)
        freeze_outside(self.frozen, self.system.database)

    def end(self):
        """Whoever got no 201 asks again, everything is sent, and the checker looks."""
        system, orders = self.system, self.orders
        if self.strace.victim.is_running():
            self.strace.victim.kill()
        self.go_on()
        for number in range(self.first, len(orders.asked)):
            status = orders.ask(system.api.address, number, as_form="properties" not in orders.asked[number])
            assert status == 201, f"{status} when asked again"
        assert orders.ask(system.api.address) == 201, "the next customer is served"
        if not any("worker" in each.name and each.is_running() for each in system.processes):
            system.start_worker(**FAST)
        wait_until(lambda: system.count("pending") == 0, 30, system.story)
        invariants.check(system, orders)


class Create(Story):
    """The API from a request's arrival to its answer and rest."""
    as_form = False
    is_replay = False

    def set_up(self):
        self.system.start_api()
        if self.is_replay:
            assert self.orders.ask(self.system.api.address) == 201

    def act(self):
        self.strace.attach(self.system.api)
        status = self.orders.ask(self.system.api.address, self.first, self.as_form)
        assert status in (None, 201), status
        return self.strace.wait(lambda: True, "the API rests")


class CreateForm(Create):
    as_form = True


class CreateBesideWorker(Create):
    def set_up(self):
        self.system.start_api()
        self.system.start_worker(**FAST)


class Replay(Create):
    is_replay = True


class Pay(Story):
    """The API takes Stripe's notice; Stripe repeats it until it hears 200."""

    def set_up(self):
        self.system.settings["STRIPE_WEBHOOK_SECRET"] = stripe.SECRET
        self.system.start_api()
        assert self.orders.ask(self.system.api.address) == 201
        ((_, preorder_id),) = self.orders.answered[self.first]
        self.notice = stripe.written(stripe.event(stripe.COMPLETED, stripe.session({"id": preorder_id})))

    def notify(self):
        """The status, or None if there was no answer."""
        at = int(time.time())
        digest = hmac.new(stripe.SECRET.encode(), f"{at}.{self.notice}".encode(), "sha256").hexdigest()
        try:
            with http.Connection(self.system.api.address) as connection:
                answer = connection.ask("POST", stripe.PATH, {"Stripe-Signature": f"t={at},v1={digest}"}, self.notice)
        except OSError:
            return None
        return answer.status if answer else None

    def act(self):
        self.strace.attach(self.system.api)
        self.told = self.notify()
        assert self.told in (None, 200), self.told
        return self.strace.wait(lambda: True, "the API rests")

    def go_on(self):
        super().go_on()
        status = self.told or self.notify()
        assert status == 200, f"{status} when told again"
        rows = self.system.rows("SELECT p.status, count(o.id) AS events FROM preorders AS p JOIN outbox AS o "
                                "ON o.preorder_id = p.id JOIN payment_events AS e ON e.preorder_id = p.id")
        assert rows == [{"status": "completed", "events": 2}], rows


class CheckpointApi(Create):
    """The API's next commit makes the log long enough to be worked off."""

    def set_up(self):
        self.system.start_api()
        fill_log(self.system.database, API_PAGES - 2)

    def act(self):
        is_killed = super().act()
        if self.death is None:
            done = Metrics(self.system.api.admin_address).get("preorder_checkpoint_seconds_count")
            assert done == 1, f"{done} checkpoints"
        return is_killed


class CheckpointApiBesideWorker(CheckpointApi):
    def set_up(self):
        self.system.start_api()
        self.start_frozen()
        fill_log(self.system.database, API_PAGES - 2)


class Deliver(Story):
    """A worker from the moment that an event becomes due to its settlement and rest: claim, send, settle."""

    def set_up(self):
        self.system.start_api()
        self.worker = self.system.start_worker(**FAST, PREORDER_POLL_INTERVAL="1s")

    def act(self):
        self.strace.attach(self.worker)
        assert self.orders.ask(self.system.api.address) == 201
        return self.strace.wait(lambda: self.system.count("sent") > HISTORY, "the worker sends it and rests")


class DeliverBesideWorker(Deliver):
    """A neighbour on the same host takes over what the killed one had in hand."""

    def set_up(self):
        super().set_up()
        self.start_frozen()


class DeliverAfterTrouble(Deliver):
    """Klaviyo's first answer is 503, so that there are two claims and two settlements."""
    script = [misbehave.times(misbehave.status(503), 1)]


class DeliverJob(Deliver):
    """Several events at once, most of which go as one bulk job."""
    events = 6

    def set_up(self):
        self.system.start_api()
        self.worker = self.system.start_worker(PREORDER_POLL_INTERVAL="1s", PREORDER_BULK_THRESHOLD=1,
                                               PREORDER_RATE_BURST=1, PREORDER_RATE_STEADY=1)
        self.order("pause")
        for _ in range(self.events):
            assert self.orders.ask(self.system.api.address) == 201

    def order(self, word):
        done = self.system.ctl(word, "--yes", "--reason", "for the proof")
        assert done.returncode == 0, done.stderr

    def act(self):
        self.strace.attach(self.worker)
        self.order("resume")
        is_killed = self.strace.wait(lambda: self.system.count("sent") == HISTORY + self.events, "the job is taken")
        if self.death is None:
            assert self.system.stats()["bulk_requests"] == 1, self.system.stats()
        return is_killed


class CheckpointWorker(Deliver):
    """The worker's next commit makes the log long enough to be worked off."""

    def set_up(self):
        super().set_up()
        fill_log(self.system.database, WORKER_PAGES - 6)

    def act(self):
        is_killed = super().act()
        if self.death is None:
            done = Metrics(self.worker.admin_address).get("preorder_checkpoint_seconds_count")
            assert done == 1, f"{done} checkpoints"
        return is_killed


class CheckpointWorkerBesideWorker(CheckpointWorker):
    def set_up(self):
        Deliver.set_up(self)
        self.start_frozen()
        fill_log(self.system.database, WORKER_PAGES - 6)


class Recover(Story):
    """The first process after a crash, from its first instruction on: it works the log off, then serves."""

    def set_up(self):
        api = self.system.start_api()
        assert self.orders.ask(api.address) == 201
        fill_log(self.system.database, API_PAGES // 2)
        api.kill()

    def act(self):
        api = self.strace.start("api", API)
        is_killed = self.strace.wait(lambda: "\"ready\"" in api.stderr(), "the API is ready")
        if not is_killed:
            api.kill()
        return is_killed


class Migrate(Story):
    """preorderctl migrate, from its first instruction to its exit, where there is no database yet."""
    first_version = 0
    program = CTL

    def begin(self, history):
        self.schemas = schemas()
        return Orders()

    def act(self):
        self.strace.start("ctl", self.program, "migrate")
        return self.strace.wait(lambda: False, "migrate ends")

    def check_version(self):
        """It has a version and is whole, looked at in a copy: the next program finds what the killed one left."""
        if not self.system.database.exists():
            assert self.first_version == 0, "the database is gone"
            return
        folder = self.system.folder / "look"
        folder.mkdir()
        for path in self.system.folder.glob("preorder.db*"):
            if not path.is_dir():
                shutil.copy(path, folder)
        with contextlib.closing(sqlite3.connect(folder / "preorder.db")) as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            assert self.first_version <= version < len(self.schemas), version
            assert schema_of(connection) == self.schemas[version], f"version {version} and not its schema"
        shutil.rmtree(folder)

    def go_on(self):
        self.check_version()
        self.system.migrate()
        self.check_version()
        assert read_value(self.system.database, "PRAGMA user_version") == len(MIGRATIONS)
        super().go_on()


class MigrateOldest(Migrate):
    """The same on a database of the first version, with rows in all its tables."""
    first_version = 1

    def begin(self, history):
        super().begin(history)
        return history.begin(self.system, history.oldest)


class CreateEarly(Create):
    """The control: an API that answers before it commits."""

    def set_up(self):
        self.system.start_api(program=BUILD / "tests" / "torture" / "api-early")


class MigratePiecemeal(MigrateOldest):
    """The control: migrations that are no transactions."""
    program = BUILD / "tests" / "torture" / "ctl-piecemeal"


STORIES = {
    "create": Create, "create-form": CreateForm, "create-beside-worker": CreateBesideWorker, "replay": Replay,
    "pay": Pay,
    "deliver": Deliver, "deliver-beside-worker": DeliverBesideWorker, "deliver-after-trouble": DeliverAfterTrouble,
    "deliver-job": DeliverJob,
    "checkpoint-api": CheckpointApi, "checkpoint-api-beside-worker": CheckpointApiBesideWorker,
    "checkpoint-worker": CheckpointWorker, "checkpoint-worker-beside-worker": CheckpointWorkerBesideWorker,
    "recover": Recover, "migrate": Migrate, "migrate-from-1": MigrateOldest,
}
CONTROLS = {"answers-before-commit": CreateEarly, "migrates-in-pieces": MigratePiecemeal}


# ---- All of them ----

def tell(folder, history, name, death=None):
    """One story to its end: whether the kill came, and what strace saw."""
    folder.mkdir()
    system = System(folder)
    try:
        story = {**STORIES, **CONTROLS}[name](system, history, death)
        is_killed = story.tell()
        calls = story.strace.calls()
        story.end()
    except Exception as error:
        raise AssertionError(f"{name}, killed at {death}: {type(error).__name__} {error}; {folder}") from error
    finally:
        complaints = system.close()
    assert not complaints, f"{name}, killed at {death}: {complaints}"
    shutil.rmtree(folder)
    return is_killed, calls


class Work:
    """Folders for the stories, and two of them told at a time."""

    def __init__(self, proof):
        self.folder, self.count, self.lock = proof.folder, 0, threading.Lock()
        self.history = History(self._new_folder())
        self.recordings = RECORDINGS_QUICK if proof.quick else RECORDINGS

    def _new_folder(self):
        with self.lock:
            self.count += 1
            return self.folder / str(self.count)

    def tell(self, name, death=None):
        return tell(self._new_folder(), self.history, name, death)

    def record(self, name):
        """How often each call is made in the story's window."""
        counts = {}
        for _ in range(self.recordings):
            for call, count in self.tell(name)[1].items():
                counts[call] = max(count, counts.get(call, 0))
        return counts

    def kill(self, point):
        """The story's name, and whether the kill came: not every telling makes the same calls."""
        is_killed = any(self.tell(point.story, (point.call, point.number, point.side))[0] for _ in range(TRIES))
        return point.story, is_killed

    def map(self, function, things):
        """In lanes; what is wrong with one thing ends it all."""
        with ThreadPoolExecutor(LANES) as pool:
            yield from pool.map(function, things)


def points_of(name, counts):
    return [Point(name, call, number, side) for call in sorted(counts) for number in range(1, counts[call] + 1)
            for side in (BEFORE, AFTER) if (call, side) != ("exit_group", AFTER)]


def choose(points, dice, count):
    """A sample with as many of each story."""
    names = sorted({point.story for point in points})
    chosen = []
    for index, name in enumerate(names):
        share = count * (index + 1) // len(names) - count * index // len(names)
        chosen += dice.sample([point for point in points if point.story == name], share)
    return chosen


def control(proof, work, name):
    """The same with a program that is wrong: some kill must show it."""
    calls = work.tell(name)[1]
    points = [point for point in points_of(name, calls) if point.call == "fdatasync" and point.side == BEFORE]
    if proof.quick:
        points = proof.random.sample(points, min(CONTROL_POINTS_QUICK, len(points)))

    def is_caught(point):
        try:
            work.kill(point)
            return False
        except AssertionError:
            return True
    caught = sum(work.map(is_caught, points))
    assert caught, f"the control {name} was not caught at any of {len(points)} points"
    return f"{name} caught at {caught} of {len(points)} syncs"


def begin(proof, work):
    recorded = dict(zip(STORIES, work.map(work.record, STORIES)))
    points = [point for name in STORIES for point in points_of(name, recorded[name])]
    if proof.quick:
        points = choose(points, proof.random, POINTS_QUICK)
    return {"points": [astuple(point) for point in points], "next": 0, "killed": {}, "missed": {}}


def prove(proof):
    if not strace.is_there():
        proof.skip("strace (Debian's) is not there or may not watch processes here: NOTHING WAS PROVED")
    work = Work(proof)
    controls = [control(proof, work, name) for name in CONTROLS]
    state = proof.load() or begin(proof, work)
    while state["next"] < len(state["points"]):
        chunk = [Point(*each) for each in state["points"][state["next"]:state["next"] + SAVE_EVERY]]
        for name, is_killed in work.map(work.kill, chunk):
            sums = state["killed" if is_killed else "missed"]
            sums[name] = sums.get(name, 0) + 1
        state["next"] += len(chunk)
        proof.save(state)
    killed, missed = sum(state["killed"].values()), sum(state["missed"].values())
    assert killed >= REACHED_SHARE_MIN * (killed + missed), f"{missed} calls were not made: {state['missed']}"
    stories = ", ".join(f"{name} {count}" for name, count in state["killed"].items())
    return (f"{killed:,} kills, before or after a system call ({stories}; {missed} more calls were never made "
            f"again): 0 lost, 0 half migrated, each story came to its end; controls: {'; '.join(controls)}")
