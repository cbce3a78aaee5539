"""From the client's 201 to the request on the wire, with idle processes; and what an idle worker costs."""

import os
import queue
import socket
import statistics
import threading
import time

from lib.load import percentile

ROUNDS, ROUNDS_QUICK = 2000, 300
IDLE_S, IDLE_S_QUICK = 30, 5
MEDIAN_MS_MAX, P99_MS_MAX, IDLE_SHARE_MAX = 1.5, 5.0, 0.005
ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class Wire:
    """A Klaviyo that notes when a request begins to arrive, on the clock of the client beside it."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.arrivals_s = queue.Queue()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def _accept(self):
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        data = b""
        while True:
            piece = connection.recv(65536)
            arrived_s = time.perf_counter()
            if not piece:
                return
            if not data:
                self.arrivals_s.put(arrived_s)
            data += piece
            head, end, body = data.partition(b"\r\n\r\n")
            if end and len(body) >= int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]):
                connection.sendall(ANSWER)
                data = b""


def cpu_s(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle_share(worker, seconds):
    """Of one core, over so many seconds in which nothing happens."""
    before_s, start_s = cpu_s(worker), time.monotonic()
    time.sleep(seconds)
    return (cpu_s(worker) - before_s) / (time.monotonic() - start_s)


def prove(proof):
    wire = Wire()
    system = proof.system()
    system.migrate().start_api()
    worker = system.start_worker(KLAVIYO_BASE_URL=wire.url, PREORDER_POLL_INTERVAL=None,
                                 PREORDER_RATE_BURST=1_000_000, PREORDER_RATE_STEADY=10_000_000)
    lags_ms = []
    for _ in range(ROUNDS_QUICK if proof.quick else ROUNDS):
        system.created()
        answered_s = time.perf_counter()
        lags_ms.append(max(0.0, wire.arrivals_s.get(timeout=10) - answered_s) * 1000)
        time.sleep(proof.random.uniform(0.01, 0.03))  # everybody is idle again
    share = idle_share(worker, IDLE_S_QUICK if proof.quick else IDLE_S)
    median_ms, p99_ms = statistics.median(lags_ms), percentile(lags_ms, 0.99)
    figures = (f"{len(lags_ms)} preorders, from 201 to the wire median {median_ms:.2f} ms, p99 {p99_ms:.2f} ms; "
               f"an idle worker uses {100 * share:.2f} % of a core")
    assert median_ms <= MEDIAN_MS_MAX and p99_ms <= P99_MS_MAX and share <= IDLE_SHARE_MAX, figures
    return figures
