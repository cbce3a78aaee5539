"""Why an event waits: `explain` says it for every cause, with real processes behind each."""

from lib import http, misbehave
from lib.metrics import Metrics
from lib.wait import wait_until


def starts(system, script, **settings):
    system.migrate().start_sandbox(script=script)
    system.start_api()
    system.worker = system.start_worker(**settings)
    return system


def explains(system, event_id, *said, command):
    """Waits until it says all of that, and names this command."""
    def look():
        (told,) = system.ctl_json("explain", event_id)
        text = " ".join(told["explanation"])
        return all(each in text for each in said) and told["command"] == command
    wait_until(look, what=lambda: f"{said}, {command}; {system.ctl('explain', event_id).stdout}")


def create(system, count=1):
    """Creates some and returns the id of the last one's event."""
    for _ in range(count):
        made = system.created()
    return system.events(made["id"])[0]["id"]


def test_no_worker(shop):
    explains(shop, create(shop), "No preorder-worker is running", command="preorder-worker")


def test_backoff(system):
    starts(system, [misbehave.status(503)], PREORDER_RETRY_BASE="1h", PREORDER_RETRY_MAX="1h")
    event = create(system)
    system.wait_event(system.events()[0]["preorder_id"], last_http_status=503)
    explains(system, event, "It waits for its next attempt at", "HTTP 503", "1 of at most 200", command=None)


def test_throttled(system):
    starts(system, [misbehave.status(429, {"Retry-After": "600"})])
    explains(system, create(system), "Klaviyo asked us to slow down (429): nothing is sent before", command=None)


def test_paused_by_klaviyo_s_refusal(system):
    starts(system, [misbehave.status(401)])
    explains(system, create(system), "All sending to Klaviyo is paused since", "KLAVIYO_API_KEY", "The next probe",
             command="preorderctl resume")


def test_paused_by_a_person(shop):
    shop.start_worker()
    assert shop.ctl("pause", "--yes", "--reason", "moving house").returncode == 0
    event = create(shop)
    explains(shop, event, "paused by a person since", "moving house", command="preorderctl resume")
    for args, status in ((["check"], 1), (["resume", "--yes"], 0)):
        assert shop.ctl(*args).returncode == status, args
    shop.wait_sent(1)


def test_breaker(system):
    starts(system, [misbehave.status(503)], PREORDER_RETRY_BASE="10ms", PREORDER_RETRY_MAX="20ms")
    event = create(system, 12)
    explains(system, event, "the breaker is open since", command="preorderctl status")
    for process in (system.api, system.worker):
        wait_until(lambda address=process.admin_address: Metrics(address).get("preorder_breaker_open") == 1,
                   what="the breaker shows in the metrics")
        assert b"[i]account: breaker open since " in http.ask(process.admin_address, "GET", "/readyz?verbose").body
    done = system.ctl("check")
    assert done.returncode in (1, 2) and "the breaker is open" in done.stdout


def test_rate_limit(system):
    starts(system, [], PREORDER_RATE_BURST="2", PREORDER_RATE_STEADY="4")
    event = create(system, 12)
    explains(system, event, "Klaviyo's rate limit:", "of 4 in this minute are used", command=None)


def test_in_the_hands_of_a_worker(system):
    starts(system, [misbehave.slow_head(8000)])
    event = create(system)
    system.wait_event(system.events()[0]["preorder_id"], attempts=1)
    holder = system.value("SELECT claimed_by FROM outbox")
    explains(system, event, f"A worker ({holder}) has it in hand right now", command=None)
    system.worker.kill()
    explains(system, event, "is dead: any other on its host takes the event over", "No preorder-worker is running",
             command="preorder-worker")
