"""examples/checkout in Chromium: a page of one origin, the API of another, a payment page of a third."""

import http.server
import json
import re
import subprocess
import threading
import urllib.parse

import pytest

from lib import http as raw
from lib.examples import FOLDER
from lib.system import System

ENTRY = {"email": "ada@klaviyo-demo.com", "color": "Black"}
PAYMENT_PAGE = b"<!doctype html><html lang=en><title>Pay</title><h1>Pay here</h1>"


class Payment(http.server.BaseHTTPRequestHandler):
    """Stands for the payment provider."""

    def do_GET(self):  # noqa: N802, its name is http.server's
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAYMENT_PAGE)))
        self.end_headers()
        self.wfile.write(PAYMENT_PAGE)

    def log_message(self, *_):
        pass


class Page:
    """The checkout page served by its own server."""

    def __init__(self, folder, api):
        self.popen = subprocess.Popen(["node", folder / "serve.mjs", "--port", "0", "--api", api],
                                      stdout=subprocess.PIPE, text=True)
        self.url = self.popen.stdout.readline().split()[0]
        self.origin = self.url.rstrip("/")

    def close(self):
        self.popen.kill()
        self.popen.wait()
        self.popen.stdout.close()


@pytest.fixture(scope="module")
def browser():
    popen = subprocess.Popen(["node", FOLDER / "scenes.mjs", "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             text=True)
    yield popen.stdout.readline().strip()
    popen.stdin.close()
    popen.wait(30)
    popen.stdout.close()


@pytest.fixture(scope="module")
def payment():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Payment) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/pay/"
        server.shutdown()
        thread.join()


def free_address():
    with raw.socket.create_server(("127.0.0.1", 0)) as free:
        return "127.0.0.1:%d" % free.getsockname()[1]


@pytest.fixture(scope="module")
def stage(tmp_path_factory, checkout, payment):
    """The API, a page of an origin that it allows, and one of an origin that it does not."""
    system = System(tmp_path_factory.mktemp("stage"))
    catalog = {"currency": "USD", "products": [
        {"price_id": "price_aurora_lamp", "name": "Aurora Desk Lamp", "color": color, "amount": 8900,
         "payment_link": payment + color} for color in ("sand", "black")]}
    (system.folder / "catalog.json").write_text(json.dumps(catalog))
    address = free_address()
    system.page, system.stranger = (Page(checkout, f"http://{address}") for _ in range(2))
    system.migrate().start_api(PREORDER_CATALOG=system.folder / "catalog.json", PREORDER_LISTEN=address,
                               PREORDER_ALLOWED_ORIGINS=f"https://shop.example,{system.page.origin}")
    system.payment = payment
    yield system
    system.page.close()
    system.stranger.close()
    complaints = system.close()
    assert not complaints, complaints


@pytest.fixture
def play(node, browser):
    return lambda scene, **values: node("scenes.mjs", scene, browser=browser, **values)


@pytest.fixture
def orders(stage):
    """The preorders that the test adds."""
    before = stage.value("SELECT count(*) FROM preorders")
    return lambda: stage.rows("SELECT * FROM preorders ORDER BY created_at, id")[before:]


def check_landed(seen, made, stage):
    assert len(made) == 1 and made[0]["color"] == "black", made
    assert seen["heading"] == "Pay here" and seen["url"].startswith(stage.payment + "black?")
    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(seen["url"]).query))
    assert asked == {"client_reference_id": made[0]["id"], "prefilled_email": ENTRY["email"], "locale": "en"}


def asked_api(seen, stage):
    """Method and status of each exchange with the API."""
    return [(each["method"], each["status"]) for each in seen["exchanges"]
            if each["url"].startswith(f"http://{stage.api.address}")]


def test_a_shopper_orders_on_a_page_of_another_origin(stage, play, orders):
    seen = play("order", url=stage.page.url, entry=ENTRY, pays=stage.payment)
    check_landed(seen, orders(), stage)
    assert ("POST", 201) in asked_api(seen, stage) and seen["complaints"] == []


def test_a_double_click_is_one_preorder(stage, play, orders):
    check_landed(play("order", url=stage.page.url, entry=ENTRY, pays=stage.payment, clicks=2), orders(), stage)


def test_a_lost_connection_is_no_matter(stage, play, orders):
    check_landed(play("order", url=stage.page.url, entry=ENTRY, pays=stage.payment, failures=2), orders(), stage)


def test_a_script_of_another_origin_reads_location_and_state(stage, play, orders):
    request = {"email": ENTRY["email"], "price_id": "price_aurora_lamp", "color": "black"}
    seen = play("client", url=stage.page.url, api=f"http://{stage.api.address}", request=request)
    made = orders()
    assert len(made) == 1 and seen["placed"]["preorder"]["id"] == made[0]["id"]
    assert seen["placed"]["location"] == f"/pre-order/{made[0]['id']}"
    assert seen["state"]["number"] == made[0]["number"] and seen["complaints"] == []


def test_a_script_of_another_origin_reads_what_was_wrong(stage, play, orders):
    request = {"email": ENTRY["email"], "price_id": "price_aurora_lamp", "color": "plaid"}
    seen = play("client", url=stage.page.url, api=f"http://{stage.api.address}", request=request)
    assert seen["name"] == "PreorderRefused" and seen["problem"]["errors"][0]["pointer"] == "#/color"
    assert orders() == []


def test_a_page_of_an_origin_that_is_not_allowed_is_stopped(stage, play, orders):
    request = {"email": ENTRY["email"], "price_id": "price_aurora_lamp", "color": "black"}
    seen = play("client", url=stage.stranger.url, api=f"http://{stage.api.address}", request=request)
    assert (seen["name"], seen["attempts"]) == ("PreorderUnsettled", 2)
    assert any("CORS" in complaint for complaint in seen["complaints"])
    assert orders() == [], "the preflight was refused, so nothing was asked for"


def test_what_is_wrong_is_said_at_its_field(stage, play, orders):
    """An address that browsers let pass and the API does not."""
    entry = {**ENTRY, "email": "ada@xn--a.com"}
    seen = play("refused", url=stage.page.url, entry=entry, says="Please check")
    assert seen["url"] == stage.page.url and seen["email"] and seen["focused"] == "summary"
    assert seen["violations"] == [] and orders() == []


def test_the_form_works_without_scripts(stage, play, orders):
    seen = play("order", url=stage.page.url, entry=ENTRY, pays=stage.payment, scripts=False)
    check_landed(seen, orders(), stage)
    assert ("POST", 303) in asked_api(seen, stage)


def test_a_double_click_without_scripts_is_one_preorder(stage, play, orders):
    seen = play("order", url=stage.page.url, entry=ENTRY, pays=stage.payment, scripts=False, clicks=2)
    check_landed(seen, orders(), stage)


def test_the_page_is_accessible(stage, play):
    seen = play("look", url=stage.page.url)
    assert seen["violations"] == [] and seen["complaints"] == []


def test_the_error_page_of_the_api_is_accessible(stage, play, orders):
    seen = play("errorPage", url=stage.page.url, entry={**ENTRY, "email": "ada@xn--a.com"})
    assert seen["url"] == f"http://{stage.api.address}/pre-order" and ("POST", 422) in asked_api(seen, stage)
    assert re.search("e-?mail", seen["text"], re.I), "it names the field"
    assert seen["violations"] == [] and orders() == []


def test_axe_finds_what_is_wrong(play, checkout, stage):
    """The canary."""
    page = checkout / "index.html"
    good = page.read_text()
    page.write_text(good.replace('<label for="email">', "<label>"))
    try:
        assert any("label" in each for each in play("look", url=stage.page.url)["violations"])
    finally:
        page.write_text(good)
