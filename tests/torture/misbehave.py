"""Klaviyo goes wrong in each of the sandbox's forty ways, and with certificates that are not to be trusted."""

import contextlib
import random
import shutil
import sqlite3
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from lib import certificates, gate, ways, wire
from lib.invariants import Evidence, judge
from lib.load import create_again, create_at_rate
from lib.memory import memory_or
from lib.system import ROOT, System, preorder
from lib.wait import wait_until

EVENTS, EVENTS_QUICK = 500, 20
ROUNDS = 3  # in full; and no fewer than a way has variants
WAVES, WAVES_QUICK = 4, 2
STORIES_AT_ONCE = 8
PER_SECOND = 1000  # creates, while the worker is at work
DEADLINE_S = 300   # of a story: whatever takes longer hangs
RSS_KIB_MAX = 64 * 1024
MINUTE_MS = 59_900
NO_LIMIT = ("--burst", "1000000", "--steady", "10000000")
# What a person waits for in production, in moments.
WORKER = {"PREORDER_RETRY_BASE": "5ms", "PREORDER_RETRY_MAX": "40ms", "PREORDER_PROBE_INTERVAL": "100ms",
          "PREORDER_POLL_INTERVAL": "20ms", "PREORDER_RATE_BURST": 1_000_000, "PREORDER_RATE_STEADY": 10_000_000}
SLOW, PATIENT = "250ms", "20s"  # PREORDER_REQUEST_TIMEOUT
# How it goes wrong: some events meet it, each once to three times; the first requests meet it, whatever they are;
# or two events meet it for good.
SOME, FIRST, FOR_GOOD = MOODS = ("some", "first", "for good")
FOR_GOOD_EVENTS, FOR_GOOD_ATTEMPTS = 2, 4  # too few for the breaker, which would keep them from dying
SINGLES, JOBS = CARRIERS = ("singles", "jobs")


def email(number):
    return f"c{number}x@klaviyo-demo.com"


def members(number):
    return {"email": email(number)}


class Story:
    """One way, met by some of `count` events that go one by one or in jobs; then Klaviyo is itself again."""

    def __init__(self, folder, name, turn, carrier, proof, authority):
        self.name, self.carrier = f"{name}, {carrier}, {turn}", carrier
        self.dice = random.Random(f"{proof.seed} {self.name}")
        variants = ways.by_name()[name]
        order = random.Random(f"{proof.seed} {name} {carrier}")
        self.mood = order.sample(MOODS, len(MOODS))[turn % len(MOODS)]
        self.way = order.sample(variants, len(variants))[turn % len(variants)]
        self.count = EVENTS_QUICK if proof.quick else EVENTS
        self.wave_count = WAVES_QUICK if proof.quick else WAVES
        # What asks for a minute gets it once; else the clock is spared the waiting.
        self.is_real_time = not proof.quick and self.way.is_minute and turn == 0 and carrier == SINGLES
        if self.is_real_time or (self.way.stage in (ways.HEAD, ways.CONNECTION) and self.mood == FOR_GOOD):
            self.mood = FIRST
        self.system = System(folder)
        self.authority = authority
        self.answers, self.rss_kib, self.laps = [], 0, 0
        self.worker = None
        self.deadline = time.monotonic() + DEADLINE_S

    # ---- How Klaviyo goes wrong ----

    def script(self):
        way, dice, count = self.way, self.dice, self.count
        if way.stage == ways.CERTIFICATE:
            return []
        if self.mood == FIRST:
            most = 4 if self.is_real_time else 8 if self.carrier == JOBS else 40 if way.outcome != ways.SENT else count
            return [way.rule(nth=1, times=dice.randint(1, most))]
        if way.stage != ways.REQUEST:
            return [way.rule(nth=nth, times=1) for nth in sorted({1, *dice.sample(range(2, 81), 40)})]
        share = count // 2 if way.outcome == ways.SENT and not way.is_slow else min(count // 2, 48)
        if self.mood == SOME:
            return [way.rule(email=email(number), times=dice.randint(1, 3))
                    for number in dice.sample(range(count), share)]
        times = 0 if way.outcome == ways.RETRY else 6
        return [way.rule(email=email(number), times=times) for number in dice.sample(range(count), FOR_GOOD_EVENTS)]

    def start_sandbox(self, kind="right"):
        flags = NO_LIMIT
        if self.way.with_tls:
            flags = (*flags, *self.authority.flags(kind))
            self.system.settings["KLAVIYO_CA_FILE"] = self.authority.path
        self.system.start_sandbox(*flags, script=self.script())

    # ---- The worker ----

    def start_worker(self):
        attempts = FOR_GOOD_ATTEMPTS if self.mood == FOR_GOOD else None
        self.worker = self.system.start_worker(
            PREORDER_REQUEST_TIMEOUT=SLOW if self.way.is_slow else PATIENT, PREORDER_LEASE="60s",
            PREORDER_BULK_THRESHOLD=1 if self.carrier == JOBS else 0, PREORDER_RETRY_MAX_ATTEMPTS=attempts,
            PREORDER_CONCURRENCY=self.concurrency, **WORKER)

    def stop_worker(self):
        status = Path(f"/proc/{self.worker.pid}/status").read_text()
        self.rss_kib = max(self.rss_kib, int(status.split("VmHWM:")[1].split()[0]))
        assert self.worker.stop() == 0, f"{self.name}: the worker ended with {self.worker.stderr()[-2000:]}"

    def lapse(self):
        """The silence that a 429 asked for is over: by the database's word, not by the clock's."""
        self.stop_worker()
        now_ms = int(time.time() * 1000)
        with gate.held(self.system.database):
            with contextlib.closing(sqlite3.connect(self.system.database)) as connection, connection:
                connection.execute("UPDATE account SET not_before = 0")
                connection.execute("UPDATE outbox SET next_attempt_at = ?1 WHERE status = 'pending' "
                                   "AND next_attempt_at > ?1 AND claimed_by IS NULL", (now_ms,))
        self.laps += 1
        self.start_worker()

    # ---- The story ----

    def create(self, first, count):
        answers = create_at_rate(self.system.api.address, PER_SECOND, count, members, first=first)
        for answer in answers:
            while answer.status != 201:  # who got 503 asks again, with the same key
                assert answer.status == 503 and time.monotonic() < self.deadline, f"{self.name}: {answer}"
                answer = create_again(self.system.api.address, answer.number, members)
            self.answers.append(answer)

    def is_at_rest(self):
        """Nothing is pending. A silence is cut short on the way there."""
        system = self.system
        if system.value("SELECT NOT EXISTS (SELECT 1 FROM outbox WHERE status = 'pending')"):
            return True
        if self.way.outcome == ways.THROTTLED and not self.is_real_time:
            if system.value("SELECT not_before FROM account") > time.time() * 1000 + 300:
                self.lapse()
        return False

    def rest(self):
        wait_until(self.is_at_rest, max(1, self.deadline - time.monotonic()),
                   lambda: f"{self.name}, {self.way}, {self.mood}: {self.system.story()}",
                   lambda: self.worker.check_running())

    def tell(self):
        system = self.system
        self.concurrency = self.dice.choice((4, 8, 32) if self.carrier == SINGLES else (1, 2, 4))
        self.start_sandbox(self.name.split(",")[0].removeprefix("certificate-")
                           if self.way.stage == ways.CERTIFICATE else "right")
        system.migrate().start_api()
        edges = [self.count * wave // self.wave_count for wave in range(self.wave_count + 1)]
        for first, last in zip(edges, edges[1:]):
            is_held = self.carrier == JOBS and first > 0
            if is_held:
                self.rest()
                self.order("pause")
            self.create(first, last - first)
            if is_held:
                self.order("resume")
            if first == 0:
                self.start_worker()
                if self.way.stage == ways.CERTIFICATE:
                    self.renew_certificate()
        self.rest()
        self.stop_worker()
        self.wait_for_log()
        for process in (system.api, system.sandbox):
            assert process.stop() == 0, f"{self.name}: {process.stderr()[-2000:]}"

    def wait_for_log(self):
        """A late answer or an endless one is logged once the sandbox finds out that nobody listens."""
        count = sum(not wire.never_sent(attempt) for attempt in self.system.attempts())
        wait_until(lambda: wire.Wire(self.system).is_whole(count), 10,
                   lambda: f"{self.name}: {count} lines in the journal for {vars(wire.Wire(self.system))}")

    def order(self, word):
        done = self.system.ctl(word, "--yes", "--reason", "misbehave")
        assert done.returncode == 0, done.stderr

    def renew_certificate(self):
        """Klaviyo's people find out; the worker has waited."""
        wanted = self.dice.randint(1, 8)
        wait_until(lambda: self.system.value("SELECT count(*) FROM outbox_attempts") >= wanted, 30, self.name)
        assert self.system.value("SELECT pause_reason FROM account"), f"{self.name}: the account is not paused"
        self.stop_worker()
        self.system.sandbox.stop()
        self.start_sandbox()
        self.start_worker()

    # ---- The end ----

    def evidence(self):
        asked = {answer.number: preorder(email=answer.email) for answer in self.answers}
        answered = {answer.number: [(201, answer.preorder_id)] for answer in self.answers}
        return Evidence(self.system.database, self.system.ledger_path, asked, answered)

    def check(self):
        """Its figures."""
        seen, evidence = wire.Wire(self.system), self.evidence()
        repeats = judge(evidence)
        requests = wire.check(seen, evidence.events, evidence.journal)
        hits = seen.hit_count()
        for event in evidence.events:
            self.check_event(event, evidence.journal[event["id"]], seen.dropped > 0)
        if self.way.stage == ways.CERTIFICATE:
            hits = sum(map(wire.never_sent, (line for lines in evidence.journal.values() for line in lines)))
        assert hits, f"{self.name}: nobody met it"
        if self.is_real_time:
            self.check_silence([line for lines in evidence.journal.values() for line in lines])
        (account,) = self.system.rows("SELECT paused_at, opened_at FROM account")
        assert account == {"paused_at": None, "opened_at": None}, f"{self.name}: {account} at the end"
        audit = self.system.ctl("audit")
        assert audit.returncode == 0, f"{self.name}: the audit: {audit.stdout}{audit.stderr}"
        assert self.rss_kib < RSS_KIB_MAX, f"{self.name}: the worker took {self.rss_kib} KiB"
        controls = self.spoil(evidence, seen)
        return {"events": len(evidence.events), "requests": requests, "hits": hits, "repeats": repeats,
                "jobs": len(seen.job_sizes), "dead": sum(event["status"] == "dead" for event in evidence.events),
                "controls": controls, "laps": self.laps}

    def check_event(self, event, lines, has_dropped):
        tokens = [line["token"] for line in lines]
        assert tokens == sorted(set(tokens)), f"{self.name}: tokens {tokens}"
        for line, later in zip(lines, lines[1:]):
            assert line["finished_at"] <= later["started_at"], f"{self.name}: two at a time: {line} {later}"
        for line in lines:
            self.check_line(line, has_dropped)
        if event["status"] == "dead":
            is_refused = self.way.outcome == ways.DEAD
            assert is_refused or self.mood == FOR_GOOD, f"{self.name}: dead without need: {event}"
            wanted = "" if is_refused else f"given up after {FOR_GOOD_ATTEMPTS} attempts: "
            assert event["last_error"].startswith(wanted), f"{self.name}: {event['last_error']}"
            assert self.way.explains(event["last_error"]), f"{self.name}: {event['last_error']}"

    def check_silence(self, lines):
        """Nothing goes out in the minute after the last 429, but for what was on its way."""
        told_ms = max(line["finished_at"] for line in lines if line["outcome"] == "throttled")
        early = [line for line in lines if told_ms + 1000 < line["started_at"] < told_ms + MINUTE_MS]
        assert not early, f"{self.name}: sent in the minute after {told_ms}: {early[:3]}"

    def check_line(self, line, has_dropped):
        """What came of each attempt is what had to come of it, and says so in words."""
        if line["outcome"] == "sent":
            return
        if line["outcome"] == "retry" and has_dropped and ways.is_swallowed(line["error"]):
            return
        if line["outcome"] == "retry" and self.way.is_slow and ways.is_late(line["error"]):
            return  # on a busy machine even a right answer may come too late for so short a patience
        assert line["outcome"] in self.way.outcomes() and self.way.explains(line["error"]), \
            f"{self.name}, {self.way}: {line}"

    def spoil(self, evidence, seen):
        """The controls: the same story with one thing missing is found out."""
        event = self.dice.choice([event for event in evidence.events if event["status"] == "sent"])
        kept, lines = evidence.ledger, evidence.journal[event["id"]]
        evidence.ledger = [line for line in kept if line["unique_id"] != event["id"]]
        must_fail(f"{self.name}: a lost event", lambda: judge(evidence))
        evidence.ledger = kept
        evidence.journal[event["id"]] = lines[:-1]
        must_fail(f"{self.name}: a request without a line",
                  lambda: wire.check(seen, evidence.events, evidence.journal))
        evidence.journal[event["id"]] = lines
        kept = evidence.events
        evidence.events = [each for each in kept if each is not event]
        must_fail(f"{self.name}: a forgotten event", lambda: judge(evidence))
        evidence.events = kept
        return 3


def must_fail(what, check):
    try:
        check()
    except AssertionError:
        return
    raise AssertionError(f"{what} was not noticed")


def tell(proof, authority, name, turn, carrier):
    """A story from its beginning to its end; its figures."""
    folder = authority.folder / f"{name}-{turn}-{carrier}"
    folder.mkdir()
    start = time.monotonic()
    story = Story(folder, name, turn, carrier, proof, authority)
    try:
        story.tell()
    finally:
        complaints = story.system.close()
    assert not complaints, f"{story.name}: {complaints}"
    figures = story.check()
    shutil.rmtree(folder)
    return {**figures, "rss_kib": story.rss_kib, "slowest_s": time.monotonic() - start}


def stories(proof):
    """All of them, those that wait for a minute first."""
    known = ways.by_name()
    assert list(known)[:-3] == ways.documented(ROOT), "not the ways that docs/sandbox.md has"
    found = [(name, turn, carrier) for name, variants in known.items() for carrier in CARRIERS
             for turn in range(1 if proof.quick else max(ROUNDS, len(variants)))]
    return sorted(found, key=lambda story: story[1] > 0 or not known[story[0]][0].is_minute)


def add(sums, more):
    for name, value in more.items():
        sums[name] = max(sums.get(name, 0), value) if name in ("rss_kib", "slowest_s") else sums.get(name, 0) + value


def prove(proof):
    state = proof.load() or {"told": [], "sums": {}}
    told = {tuple(story) for story in state["told"]}
    base = tempfile.mkdtemp(prefix="misbehave-", dir=memory_or(proof.folder))
    authority = certificates.Authority(Path(base))
    with ThreadPoolExecutor(STORIES_AT_ONCE) as pool:
        running = {pool.submit(tell, proof, authority, *story): story for story in stories(proof) if story not in told}
        try:
            for done in as_completed(running):
                add(state["sums"], done.result())
                state["told"].append(running[done])
                proof.save(state)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    shutil.rmtree(base)
    sums = state["sums"]
    return (f"{len({name for name, _, _ in state['told']})} ways in {len(state['told'])} stories, "
            f"{sums['events']:,} events, met {sums['hits']:,} times, {sums['requests']:,} requests on the wire, "
            f"{sums['jobs']:,} of them jobs, all in the journal, {sums['repeats']:,} repeats, all explained, "
            f"{sums['dead']:,} dead with a reason, the others sent; at most {sums['rss_kib'] / 1024:.1f} MiB and "
            f"{sums['slowest_s']:.0f} s a story; {sums['controls']:,} of {sums['controls']:,} controls noticed")
