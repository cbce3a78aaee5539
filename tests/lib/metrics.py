"""/metrics of a process: Prometheus' text, read as it does."""

import re

from lib import http

SAMPLE = re.compile(r"^([a-z_:]+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def read_text(address):
    answer = http.ask(address, "GET", "/metrics")
    assert answer.status == 200, answer
    assert answer.header("Content-Type").startswith("text/plain; version=0.0.4"), answer
    return answer.body.decode()


class Metrics:
    """One look at a process."""

    def __init__(self, address):
        self.text = read_text(address)
        self.samples = {}
        for line in self.text.splitlines():
            if not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                self.samples[name, frozenset(LABEL.findall(labels or ""))] = float(value)

    def get(self, name, **labels):
        """The value of exactly this series, None if there is none."""
        return self.samples.get((name, frozenset(labels.items())))

    def sum(self, name, **labels):
        """The sum over all series with these labels."""
        wanted = set(labels.items())
        return sum(value for (each, those), value in self.samples.items() if each == name and wanted <= those)

    def names(self):
        return {line.split()[2] for line in self.text.splitlines() if line.startswith("# TYPE")}
