"""From the 201 to the request at Klaviyo's door, nothing else going on."""

import json
import os

from bench.figure import median, plain
from bench.rig import TOOLS, UNLIMITED, free_port, ms
from lib.process import Process

PAUSE_US = 20_000  # the one before is long settled


def one_round(rig, count):
    with rig.system() as system:
        system.start_api()
        address = f"127.0.0.1:{free_port()}"
        client = Process("wire", [TOOLS / "wire", "--listen", address, "--target", system.api.address,
                                  "--count", count, "--pause", PAUSE_US], dict(os.environ), system.folder)
        system.settings["KLAVIYO_BASE_URL"] = f"http://{address}"
        system.start_worker(**UNLIMITED)
        status = client.wait(120)
        assert status == 0, client.stderr()
        return json.loads(client.stdout())


def measure(rig):
    reports = [one_round(rig, 100 if rig.quick else 1000) for _ in range(rig.rounds)]
    value = {key: median([ms(report["wire"][key]) for report in reports]) for key in ("p50_us", "p99_us", "max_us")}
    whole = median([ms(report["whole"]["p50_us"]) for report in reports])
    return [plain("wire", "201 to request at Klaviyo, p50", value["p50_us"], "ms", at_most=1.5),
            plain("wire", "201 to request at Klaviyo, p99", value["p99_us"], "ms", at_most=5, max_ms=value["max_us"]),
            plain("wire", "request in to request out, p50", whole, "ms")]
