"""kill -9 of API and workers under load, round after round."""

import socket

from lib import invariants
from lib.customers import Customers
from lib.wait import wait_until

ROUNDS, ROUNDS_QUICK = 100, 10
WORKERS = 2
SETTINGS = {"PREORDER_LEASE": "3s", "PREORDER_REQUEST_TIMEOUT": "1s", "PREORDER_WRITE_TIMEOUT": "1s",
            "PREORDER_CONCURRENCY": "16", "PREORDER_RATE_BURST": 1_000_000, "PREORDER_RATE_STEADY": 10_000_000}


def free_address():
    """An address that stays the same when the API comes back."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


class Victims:
    """The API and its workers: killed and started again."""

    def __init__(self, system, address):
        self.system, self.address = system, address
        self.api, self.workers = None, []
        self.kill_count = 0

    def start(self):
        if self.api is None or not self.api.is_running():
            self.api = self.system.start_api(PREORDER_LISTEN=self.address)
        self.workers = [worker for worker in self.workers if worker.is_running()]
        while len(self.workers) < WORKERS:
            self.workers.append(self.system.start_worker(**SETTINGS))

    def kill(self, dice):
        """Some of them or all, in any order, one right after the other."""
        all_of_them = [self.api, *self.workers]
        chosen = dice.sample(all_of_them, dice.randint(1, len(all_of_them)))
        for process in chosen:
            process.is_exempt = True
            process.popen.kill()
        for process in chosen:
            process.wait()
        self.kill_count += len(chosen)


def prove(proof):
    system = proof.system()
    system.migrate().start_sandbox("--burst", "100000", "--steady", "1000000")
    victims = Victims(system, free_address())
    victims.start()
    customers = Customers(victims.address, system.folder / "customers.jsonl", proof.seed)
    rounds = ROUNDS_QUICK if proof.quick else ROUNDS
    for _ in range(rounds):
        wanted = customers.accepted_count + proof.random.randint(1, 150)
        wait_until(lambda: customers.accepted_count >= wanted, 60, f"{wanted} preorders are accepted")
        victims.kill(proof.random)
        victims.start()
    customers.stop()
    wait_until(lambda: system.count("pending") == 0, 120, system.story)
    repeats = invariants.check(system, customers)
    unknown = system.value("SELECT count(*) FROM outbox_attempts WHERE outcome = 'unknown'")
    accepted = len([number for number, answers in customers.answered.items()
                    if any(status == 201 for status, _ in answers)])
    return (f"{rounds} rounds, {victims.kill_count} kills, {len(customers.asked)} asked, {accepted} answered 201, "
            f"0 lost, {system.value('SELECT count(*) FROM preorders')} stored, "
            f"{len(system.ledger())} in the ledger, {unknown} attempts unknown, {repeats} repeats")
