"""The whole system in a folder of its own: database, sandbox, any number of APIs and workers."""

import itertools
import json
import os
import subprocess
from pathlib import Path

from lib import http, judge
from lib.database import read_rows, read_value
from lib.ledger import read_ledger
from lib.process import Process, clean_environment
from lib.wait import PATIENCE, wait_until

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BUILD_DIR", ROOT / "build")).resolve()
CATALOG = ROOT / "tests" / "data" / "catalog.json"

API = BUILD / "api" / "preorder-api"
WORKER = BUILD / "worker" / "preorder-worker"
CTL = BUILD / "ctl" / "preorderctl"
SANDBOX = BUILD / "sandbox" / "klaviyo-sandbox"

ANY_PORT = "127.0.0.1:0"

# Short enough for a test, each to be overridden by name.
SETTINGS = {
    "PREORDER_CATALOG": CATALOG,
    "PREORDER_LISTEN": ANY_PORT,
    "PREORDER_ADMIN_LISTEN": ANY_PORT,
    "PREORDER_WORKER_LISTEN": ANY_PORT,
    "PREORDER_DRAIN_TIMEOUT": "5s",
    "PREORDER_RETRY_BASE": "50ms",
    "PREORDER_RETRY_MAX": "500ms",
    "PREORDER_POLL_INTERVAL": "100ms",
    "KLAVIYO_API_KEY": "pk_test",
}


def preorder(**members):
    """A body that is right; a member given as None is left out."""
    body = {"email": "ada@klaviyo-demo.com", "price_id": "price_lamp_black", "color": "black", **members}
    return {name: value for name, value in body.items() if value is not None}


class System:
    """Starts, stops and looks at the programs. Everything it started is ended by close()."""

    def __init__(self, folder):
        self.folder = folder
        self.database = folder / "preorder.db"
        self.ledger_path = folder / "ledger.jsonl"
        self.processes = []
        self.settings = {**SETTINGS, "DATABASE_URL": f"sqlite:{self.database}"}
        self.sandbox = self.api = None
        self._numbers = itertools.count(1)

    # ---- Programs ----

    def run(self, program, *args, **settings):
        """Runs a program to its end."""
        return subprocess.run([program, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              cwd=self.folder, env=self.environment(**settings), timeout=60 * PATIENCE)

    def environment(self, **settings):
        return clean_environment(**{**self.settings, **settings})

    def start(self, name, program, *args, **settings):
        process = Process(f"{name}-{next(self._numbers)}", [program, *args], self.environment(**settings),
                          self.folder)
        self.processes.append(process)
        return process

    def ctl(self, *args, **settings):
        return self.run(CTL, *args, **settings)

    def ctl_json(self, *args, **settings):
        """What `preorderctl … --json` prints."""
        done = self.ctl(*args, "--json", **settings)
        assert done.returncode == 0, f"preorderctl {args}: {done.returncode} {done.stderr}"
        return json.loads(done.stdout)

    def migrate(self):
        done = self.ctl("migrate")
        assert done.returncode == 0, done.stderr
        return self

    def start_sandbox(self, *flags, script=None, listen=ANY_PORT):
        """Starts the stand-in; workers started later talk to it. `script`: its misbehaviours."""
        if script is not None:
            path = self.folder / f"script-{next(self._numbers)}.json"
            path.write_text(json.dumps(script))
            flags = (*flags, "--script", path)
        process = self.start("sandbox", SANDBOX, "--listen", listen, "--ledger", self.ledger_path, *flags)
        line = process.wait_for(
            lambda: [line for line in process.stdout().splitlines() if "listening on " in line],
            "prints where it listens")
        process.address = line[0].split("listening on ")[1].split()[0]
        scheme = "https" if "--tls-cert" in flags else "http"
        self.settings["KLAVIYO_BASE_URL"] = f"{scheme}://{process.address}"
        self.sandbox = process
        return process

    def start_api(self, *args, program=API, **settings):
        process = self.start("api", program, *args, **settings)
        ready = process.wait_log("ready")
        process.address, process.admin_address = ready["listen"], ready["admin_listen"]
        process.direct_address = process.address
        if judge.IS_ON and not process.address.startswith("unix:"):
            process.address = judge.current().put_before(process.address)
        self.api = process
        return process

    def start_worker(self, *args, **settings):
        process = self.start("worker", WORKER, *args, **settings)
        process.admin_address = process.wait_log("ready").get("listen")
        return process

    def close(self):
        """Ends everything, the sandbox last, and returns what was wrong with any of it."""
        complaints = []
        for process in sorted(self.processes, key=lambda each: "sandbox" in each.name):
            was_running = process.is_running()
            if was_running:
                process.thaw()  # a stopped one would not hear that it is to end
            try:
                status = process.stop() if was_running else process.wait()
            except subprocess.TimeoutExpired:
                complaints.append(f"{process.name} did not end when asked to")
                process.kill()
                continue
            if status != 0 and not process.is_exempt:
                complaints.append(f"{process.name} ended with {status}: {process.stderr()[-2000:]}")
        for process in self.processes:
            complaints += process.complaints()
        return complaints + judge.take_findings()

    # ---- Requests ----

    def create(self, headers=None, api=None, **members):
        return http.ask((api or self.api).address, "POST", "/pre-order", headers, preorder(**members))

    def created(self, headers=None, **members):
        """Creates a preorder that must be accepted; the answer's JSON."""
        response = self.create(headers, **members)
        assert response.status == 201, response
        return response.json()

    def get(self, path, headers=None, api=None):
        return http.ask((api or self.api).address, "GET", path, headers)

    # ---- Looks ----

    def rows(self, sql, *parameters):
        return read_rows(self.database, sql, *parameters)

    def value(self, sql, *parameters):
        return read_value(self.database, sql, *parameters)

    def events(self, preorder_id=None):
        if preorder_id is None:
            return self.rows("SELECT * FROM outbox ORDER BY created_at, id")
        return self.rows("SELECT * FROM outbox WHERE preorder_id = ? ORDER BY sequence", preorder_id)

    def attempts(self, event_id=None):
        if event_id is None:
            return self.rows("SELECT * FROM outbox_attempts ORDER BY outbox_id, token")
        return self.rows("SELECT * FROM outbox_attempts WHERE outbox_id = ? ORDER BY token", event_id)

    def ledger(self):
        return read_ledger(self.ledger_path)

    def stats(self):
        return http.ask(self.sandbox.address, "GET", "/sandbox/stats").json()

    def count(self, status):
        return self.value("SELECT count(*) FROM outbox WHERE status = ?", status)

    def wait_sent(self, count, deadline_s=30.0):
        """Waits until that many events are sent."""
        return wait_until(lambda: self.count("sent") >= count, deadline_s, lambda: f"{count} sent; {self.story()}")

    def wait_event(self, preorder_id, deadline_s=30.0, **columns):
        """Waits until the preorder's first event looks like that, and returns it."""
        def look():
            event = self.events(preorder_id)[0]
            return event if all(event[name] == value for name, value in columns.items()) else None
        return wait_until(look, deadline_s, lambda: f"{columns}; {self.story()}")

    def story(self):
        """How things stand, for the message of a failed test."""
        states = self.rows("SELECT status, count(*) AS n, max(last_error) AS error FROM outbox GROUP BY status")
        return f"{states}, {len(self.ledger())} in the ledger"
