#!/usr/bin/python3
"""./dev run: starts everything, places one sample preorder, tells its story, runs until Ctrl-C.

The programs are started as an operator would: settings by environment, everything they write in var/.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("BUILD_DIR", "build"))
VAR = ROOT / "var"
PATIENCE_S = 30


class Trouble(Exception):
    """Something that a person has to know; the text says what."""


def log_entries(path):
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:  # not written to its end yet
                return


class Demo:
    def __init__(self, environment):
        self.environment = environment
        self.processes = {}

    def run(self, *command):
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Trouble(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
        return done.stdout

    def start(self, name, *command):
        """Its output goes to var/NAME.log; a free descriptor of ours on the log is not kept."""
        path = VAR / f"{name}.log"
        with open(path, "wb") as log:
            self.processes[name] = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL,
                                                    stdout=log, stderr=log, start_new_session=True)
        return path

    def check_running(self):
        for name, process in self.processes.items():
            if process.poll() is not None:
                words = (VAR / f"{name}.log").read_text(errors="replace").strip().splitlines()
                raise Trouble(f"{name} ended with {process.returncode}: {words[-1] if words else 'without a word'}")

    def wait(self, look, what):
        end = time.monotonic() + PATIENCE_S
        while True:
            found = look()
            if found:
                return found
            self.check_running()
            if time.monotonic() > end:
                raise Trouble(f"not within {PATIENCE_S} s: {what}; look into var/*.log")
            time.sleep(0.02)

    def wait_ready(self, path):
        return self.wait(lambda: next((entry for entry in log_entries(path) if entry.get("msg") == "ready"), None),
                         f"{path.name} says that it is ready")

    def stop(self):
        """Asks each by its own pid, the sandbox last; who does not listen is killed."""
        for name in sorted(self.processes, key=lambda each: each == "sandbox"):
            process = self.processes[name]
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def free(address):
    host, port = address.rsplit(":", 1)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError:
            return False
    return True


def choose_ports(environment):
    """The documented ports, or free ones where somebody else has them; what was set stays set."""
    for name, address in (("PREORDER_LISTEN", "127.0.0.1:8080"), ("PREORDER_ADMIN_LISTEN", "127.0.0.1:8081")):
        if name not in environment and not free(address):
            print(f"{address} is taken, {name} gets a free port")
            environment[name] = "127.0.0.1:0"


def start_sandbox(demo):
    ledger = VAR / "ledger.jsonl"
    path = demo.start("sandbox", BUILD / "sandbox" / "klaviyo-sandbox", "--listen", "127.0.0.1:0", "--ledger", ledger)
    line = demo.wait(lambda: next((line for line in path.read_text().splitlines() if "listening on " in line), None),
                     "the sandbox listens")
    address = line.split("listening on ")[1].split()[0]
    demo.environment["KLAVIYO_BASE_URL"] = f"http://{address}"
    demo.environment["KLAVIYO_API_KEY"] = "pk_sandbox"
    return address


def sample(catalog_path):
    catalog = json.loads(Path(catalog_path).read_text())
    product = catalog["products"][0]
    return {"email": "ada@klaviyo-demo.com", "price_id": product["price_id"], "color": product["color"],
            "properties": {"campaign": "demo"}}


def ask(address, method, path, body=None):
    """Status, JSON, milliseconds."""
    if address.startswith("unix:"):
        connection = HTTPConnection("localhost", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(address[len("unix:"):])
    else:
        connection = HTTPConnection(address, timeout=10)
        connection.connect()
    start = time.perf_counter()
    connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"} if body else {})
    response = connection.getresponse()
    data = response.read()
    elapsed_ms = (time.perf_counter() - start) * 1000
    connection.close()
    return response.status, json.loads(data), elapsed_ms


def tell_story(demo, api):
    """Places the sample and waits until Klaviyo has it; True if it got there."""
    status, made, stored_ms = ask(api, "POST", "/pre-order", sample(demo.environment["PREORDER_CATALOG"]))
    if status != 201:
        raise Trouble(f"the sample preorder was refused with {status}: {made.get('detail')}")
    print(f"preorder {made['number']} stored in {stored_ms:.1f} ms")

    def finished():
        event = ask(api, "GET", f"/pre-order/{made['id']}")[1]["events"][0]
        return event if event["status"] != "pending" else None
    try:
        event = demo.wait(finished, "the event is sent")
    except Trouble:
        demo.check_running()
        told = json.loads(demo.run(BUILD / "ctl" / "preorderctl", "explain", made["number"], "--json"))
        raise Trouble("\n".join(["its event is not sent yet:", *told[0]["explanation"]])) from None
    where = "the sandbox" if "sandbox" in demo.processes else "Klaviyo"
    if event["status"] != "sent":
        print(f"its event is {event['status']}; preorderctl explain {made['number']} says why")
        return False, made
    accepted_ms = (datetime.fromisoformat(event["sent_at"]) - datetime.fromisoformat(made["created_at"])) \
        / timedelta(milliseconds=1)
    print(f"its event accepted by {where} after {accepted_ms:.0f} ms")
    return True, made


def tell_where(api, admin, worker, sandbox, made):
    ctl = BUILD / "ctl" / "preorderctl"
    curl = f"curl --unix-socket {api[5:]} http://localhost" if api.startswith("unix:") else f"curl http://{api}"
    settings = f"DATABASE_URL={os.environ['DATABASE_URL']} " if "DATABASE_URL" in os.environ else ""
    print(f"""
  the preorder   {curl}/pre-order/{made['id']}
  its story      {settings}{ctl} explain {made['number']}
  all events     {settings}{ctl} list
  both ends      {settings}{ctl} audit
  health         http://{admin}/readyz?verbose""" + (f"  http://{worker}/readyz?verbose" if worker else ""))
    if sandbox:
        print(f"  the sandbox    http://{sandbox}/sandbox/stats  var/ledger.jsonl")
    print("  logs           tail -f var/api.log var/worker.log")


def play(demo, once):
    sandbox = None
    if not any(demo.environment.get(name) for name in ("KLAVIYO_API_KEY", "KLAVIYO_API_KEY_FILE")):
        sandbox = start_sandbox(demo)
    demo.run(BUILD / "ctl" / "preorderctl", "migrate")
    ready = demo.wait_ready(demo.start("api", BUILD / "api" / "preorder-api"))
    worker = demo.wait_ready(demo.start("worker", BUILD / "worker" / "preorder-worker")).get("listen")
    delivered, made = tell_story(demo, ready["listen"])
    if once:
        return 0 if delivered else 1
    tell_where(ready["listen"], ready["admin_listen"], worker, sandbox, made)
    print("\nrunning; Ctrl-C stops everything", flush=True)
    while True:
        time.sleep(0.5)
        demo.check_running()


def main(arguments):
    if arguments not in ([], ["--once"]):
        print("usage: ./dev run [--once]", file=sys.stderr)
        return 2
    os.chdir(ROOT)
    VAR.mkdir(exist_ok=True)
    environment = dict(os.environ)
    environment.setdefault("PREORDER_CATALOG", "tests/data/catalog.json")
    environment["PREORDER_LOG_FORMAT"] = "json"
    # Who mends a wrong key and starts again waits for seconds, not for an operator's half a minute.
    environment.setdefault("PREORDER_PROBE_INTERVAL", "2s")
    choose_ports(environment)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    demo = Demo(environment)
    try:
        return play(demo, bool(arguments))
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopping")
        return 0
    finally:
        demo.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
