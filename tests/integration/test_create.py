"""POST /pre-order and GET /pre-order/{id}: what a checkout gets and what is stored."""

import json
import re
import time
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from lib import http

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NUMBER = re.compile(r"PRE-[0-9A-Z]{8}")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def ms(text):
    assert RFC3339.fullmatch(text), text
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


def stored(api, preorder_id):
    rows = api.rows("SELECT * FROM preorders WHERE id = ?", preorder_id)
    assert len(rows) == 1
    events = api.events(preorder_id)
    assert len(events) == 1
    return rows[0], events[0]


def attributes(event):
    data = json.loads(event["payload"])["data"]
    assert data["type"] == "event"
    return data["attributes"]


def test_a_preorder_is_answered_as_documented(shared_api):
    before = time.time() * 1000
    response = shared_api.create()
    assert response.status == 201
    assert response.header("Content-Type") == "application/json"
    assert response.header("Cache-Control") == "no-store"
    body = response.json()
    assert list(body) == ["id", "number", "status", "payment_url", "created_at"]
    assert UUID7.fullmatch(body["id"]) and NUMBER.fullmatch(body["number"])
    assert body["status"] == "initiated"
    assert response.header("Location") == f"/pre-order/{body['id']}"
    assert before - 1000 <= ms(body["created_at"]) <= time.time() * 1000 + 1000


def test_preorder_and_event_are_stored_together(shared_api):
    body = shared_api.created(email="Ada.Lovelace@Klaviyo-Demo.COM")
    row, event = stored(shared_api, body["id"])
    assert row["number"] == body["number"] and row["payment_url"] == body["payment_url"]
    assert row["email"] == "Ada.Lovelace@klaviyo-demo.com", "only the domain has no case"
    assert (row["price_id"], row["color"], row["amount"], row["currency"]) \
        == ("price_lamp_black", "black", 4990, "USD")
    assert (row["status"], row["flag"], row["locale"]) == ("initiated", None, "en")
    assert row["created_at"] == row["updated_at"] == event["created_at"]
    assert (event["metric"], event["status"], event["attempts"], event["claimed_by"]) \
        == ("Preorder Started", "pending", 0, None)
    assert event["next_attempt_at"] <= time.time() * 1000, "due at once"
    assert event["sent_at"] is None and event["last_error"] is None


def test_the_event_says_what_klaviyo_needs(shared_api):
    body = shared_api.created(locale="de-AT", source="newsletter", properties={"campaign": "spring", "size": 41.5})
    row, event = stored(shared_api, body["id"])
    rendered = attributes(event)
    assert rendered["metric"]["data"] == {"type": "metric", "attributes": {"name": "Preorder Started"}}
    assert rendered["profile"]["data"] == {"type": "profile", "attributes": {"email": row["email"]}}
    assert rendered["unique_id"] == event["id"] and UUID7.fullmatch(event["id"])
    assert abs(ms(rendered["time"]) - row["created_at"]) < 1000
    assert (rendered["value"], rendered["value_currency"]) == (49.9, "USD")
    assert rendered["properties"] == {
        "preorder_id": row["id"], "preorder_number": row["number"], "product": "Lamp One", "color": "black",
        "price_id": "price_lamp_black", "locale": "de-AT", "source": "newsletter",
        "marketing_stage": "preorder_intention", "campaign": "spring", "size": 41.5}


@pytest.mark.parametrize("price_id, color, value, currency", [
    ("price_chair", "grün", 1349, "EUR"), ("price_kettle", "red", 12800, "JPY"),
    ("price_lamp_sand", "sand", 49.9, "USD")])
def test_the_value_has_the_currency_s_own_exponent(shared_api, price_id, color, value, currency):
    body = shared_api.created(price_id=price_id, color=color)
    rendered = attributes(stored(shared_api, body["id"])[1])
    assert (rendered["value"], rendered["value_currency"]) == (value, currency)


def test_numbers_reach_klaviyo_as_the_client_wrote_them(shared_api):
    text = ('{"email":"ada@klaviyo-demo.com","price_id":"price_lamp_black","color":"black",'
            '"properties":{"a":1.10,"b":0.1234567890123,"c":-7,"d":9007199254740991,"e":true,"f":12.50}}')
    response = http.ask(shared_api.api.address, "POST", "/pre-order", None, text)
    assert response.status == 201, response
    payload = stored(shared_api, response.json()["id"])[1]["payload"]
    for name, number in (("a", "1.1"), ("b", "0.1234567890123"), ("c", "-7"), ("d", "9007199254740991"),
                         ("e", "true"), ("f", "12.5")):
        assert re.search(rf'"{name}":\s*{re.escape(number)}0*[,}}]', payload), f"{name}: {payload}"


def test_the_payment_url_is_the_product_s_link_with_what_stripe_needs(shared_api):
    for price_id, color in (("price_lamp_black", "black"), ("price_lamp_sand", "sand")):
        body = shared_api.created(price_id=price_id, color=color, email="ada+lamp&1@klaviyo-demo.com", locale="fr")
        url = urlsplit(body["payment_url"])
        assert f"{url.scheme}://{url.netloc}{url.path}" == f"https://buy.stripe.com/test_lamp_{color}"
        query = parse_qs(url.query, strict_parsing=True)
        assert query["client_reference_id"] == [body["id"]]
        assert query["prefilled_email"] == ["ada+lamp&1@klaviyo-demo.com"]
        assert query["locale"] == ["fr"]
        assert query.get("utm_source") == (["preorder"] if color == "sand" else None)


def test_an_international_domain_is_stored_and_sent_in_ascii(shared_api):
    body = shared_api.created(email="ada@bücher.klaviyo-demo.com")
    row, event = stored(shared_api, body["id"])
    assert row["email"] == "ada@xn--bcher-kva.klaviyo-demo.com"
    assert attributes(event)["profile"]["data"]["attributes"]["email"] == row["email"]


def test_other_members_are_ignored(shared_api):
    body = shared_api.created(status="completed", id="mine", quantity=[1, {"a": None}])
    assert body["status"] == "initiated" and body["id"] != "mine"
    assert "quantity" not in stored(shared_api, body["id"])[1]["payload"]


def test_the_client_s_request_id_is_kept_and_a_bad_one_replaced(shared_api):
    response = shared_api.create({"X-Request-Id": "shop-1.a_B"})
    assert response.header("X-Request-Id") == "shop-1.a_B"
    assert stored(shared_api, response.json()["id"])[1]["request_id"] == "shop-1.a_B"
    ours = shared_api.create({"X-Request-Id": "no spaces"}).header("X-Request-Id")
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", ours)
    assert shared_api.create({"X-Request-Id": "a" * 129}).header("X-Request-Id") != "a" * 129


def test_reading_back_tells_the_state_and_nothing_personal(shared_api):
    made = shared_api.created(locale="de", email="grace@klaviyo-demo.com")
    response = shared_api.get(f"/pre-order/{made['id']}")
    assert response.status == 200 and response.header("Content-Type") == "application/json"
    body = response.json()
    assert set(body) == {"id", "number", "status", "color", "locale", "created_at", "updated_at", "events"}
    assert {name: body[name] for name in ("id", "number", "status", "created_at")} \
        == {name: made[name] for name in ("id", "number", "status", "created_at")}
    assert (body["color"], body["locale"]) == ("black", "de")
    assert body["events"] == [{"metric": "Preorder Started", "status": "pending", "sent_at": None}]
    assert b"grace" not in response.body and b"stripe" not in response.body


def test_head_has_what_get_has_but_no_body(shared_api):
    path = f"/pre-order/{shared_api.created()['id']}"
    got = shared_api.get(path)
    with http.Connection(shared_api.api.address) as connection:
        head = connection.ask("HEAD", path)
        assert head.status == 200 and head.header("Content-Length") == str(len(got.body))
        assert connection.ask("GET", path).body == got.body, "the connection is still in step"


def test_one_connection_carries_many_requests(shared_api):
    before = shared_api.value("SELECT count(*) FROM preorders")
    body = {"email": "ada@klaviyo-demo.com", "price_id": "price_lamp_black", "color": "black"}
    with http.Connection(shared_api.api.address) as connection:
        for _ in range(50):
            assert connection.ask("POST", "/pre-order", None, body).status == 201
            assert connection.ask("POST", "/pre-order", None, "{}").status == 422
    assert shared_api.value("SELECT count(*) FROM preorders") == before + 50


def test_requests_sent_ahead_are_answered_in_their_order(shared_api):
    with http.Connection(shared_api.api.address) as connection:
        for number in range(20):
            connection.send(http.render("POST", "/pre-order", {"X-Request-Id": f"ahead-{number}"}, {
                "email": "ada@klaviyo-demo.com", "price_id": "price_lamp_black", "color": "black"}))
        for number in range(20):
            response = connection.read()
            assert (response.status, response.header("X-Request-Id")) == (201, f"ahead-{number}")


def test_numbers_and_prefix_come_from_the_settings(system):
    system.migrate().start_api(PREORDER_NUMBER_PREFIX="LAMP", KLAVIYO_METRIC_PREFIX="Shop")
    body = system.created()
    assert re.fullmatch(r"LAMP-[0-9A-Z]{8}", body["number"])
    assert system.events(body["id"])[0]["metric"] == "Shop Preorder Started"
    assert attributes(system.events(body["id"])[0])["metric"]["data"]["attributes"]["name"] \
        == "Shop Preorder Started"


def test_the_api_answers_on_a_unix_socket(system):
    path = system.folder / "api.sock"
    system.migrate().start_api(PREORDER_LISTEN=f"unix:{path}")
    assert system.create().status == 201


def test_a_second_api_on_the_same_database_is_welcome(system):
    system.migrate()
    first, second = system.start_api(), system.start_api()
    made = [system.create(api=api).json()["id"] for api in (first, second) * 20]
    assert len(set(made)) == 40 and system.value("SELECT count(*) FROM outbox") == 40
