"""A large backlog in bulk jobs, within Klaviyo's own limits on both sides."""

import time

from bench.figure import median, plain
from bench.rig import KLAVIYO_SANDBOX, wait_accepted, wait_settled

LIMIT_A_SECOND = 10 * 1000  # Klaviyo's: ten jobs of a thousand


def one_round(rig, base, count):
    with rig.system(stock=base) as system:
        system.start_sandbox(*KLAVIYO_SANDBOX)
        start = time.monotonic()
        system.start_worker()
        wait_accepted(system, count, 300)
        wait_settled(system)
        took = time.monotonic() - start
        stats = system.stats()
        assert stats["throttled"] == 0, stats
        return took, stats["bulk_requests"]


def measure(rig):
    count = 10_000 if rig.quick else 100_000
    base = rig.stock(due=count)
    rounds = [one_round(rig, base, count) for _ in range(rig.rounds)]
    return [plain("bulk", f"{count:,} events, one worker", median([took for took, _ in rounds]), "s",
                  at_most=None if rig.quick else 30, baseline="s, by Klaviyo's limits",
                  baseline_value=count / LIMIT_A_SECOND,
                  runs=[took for took, _ in rounds], jobs=[jobs for _, jobs in rounds])]
