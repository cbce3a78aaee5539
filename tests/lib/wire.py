"""What the sandbox saw on the wire, request by request, and whether the journal has a line for each."""

import re
from collections import Counter, defaultdict

from lib.backlog import BULK_PATH

NO_CONNECTION = re.compile(r"certificate not trusted|TLS handshake failed|timeout: SSL connection timeout|no connection"
                           r"|timeout: Connection timed out|timeout: Failed to connect")


class Wire:
    """Read from the logs of all sandboxes and workers of a system, once they have ended."""

    def __init__(self, system):
        self.singles = Counter()  # by the event's request id
        self.hits = Counter()     # those of them that met a misbehaviour
        self.jobs = self.connections = self.dropped = 0
        self.job_sizes = []       # of those that workers sent
        for process in system.processes:
            if process.name.startswith("sandbox"):
                self._read_sandbox(process.log())
            elif process.name.startswith("worker"):
                self.job_sizes += [line["events"] for line in process.log("bulk job")
                                   if not never_sent(line)]

    def _read_sandbox(self, lines):
        for line in lines:
            is_dropped = line["msg"] == "request dropped"
            if line["msg"] == "misbehaviour":
                self._count_hit(line)
            elif is_dropped or (line["msg"] == "request" and line["method"] == "POST"):
                self.dropped += is_dropped
                if line["path"] == BULK_PATH:
                    self.jobs += 1
                else:
                    self.singles[line["request_id"]] += 1

    def _count_hit(self, line):
        if "connection" in line:
            self.connections += 1
        else:
            self.hits[line["request_id"]] += 1

    def is_whole(self, line_count):
        """Whether the sandbox has logged as much as the journal has."""
        return self.line_count() >= line_count and self.jobs >= len(self.job_sizes)

    def line_count(self):
        """The lines that the journal has to have."""
        return sum(self.singles.values()) + sum(self.job_sizes)

    def hit_count(self):
        return self.connections + sum(self.hits.values())


def never_sent(attempt):
    """By the worker's word: there was no connection to send anything on."""
    return NO_CONNECTION.match(attempt.get("error") or "") is not None


def check(wire, events, journal):
    """Each request has its line in the journal, for each event that was in it, and no line is without a request. How
    many requests there were."""
    lines = defaultdict(list)
    for event in events:
        lines[event["id"]] = [line for line in journal[event["id"]] if not never_sent(line)]
        seen, kept = wire.singles[event["request_id"]], len(lines[event["id"]])
        assert seen <= kept, f"{event['id']} was sent alone {seen} times and has {kept} lines in the journal"
        assert seen == kept or wire.job_sizes, f"{kept} lines for {seen} requests: {lines[event['id']]}"
    assert len(wire.job_sizes) == wire.jobs, f"{len(wire.job_sizes)} jobs sent, {wire.jobs} seen"
    total = sum(map(len, lines.values()))
    assert total == wire.line_count(), f"{total} lines in the journal for {wire.line_count()} on the wire"
    return sum(wire.singles.values()) + wire.jobs
