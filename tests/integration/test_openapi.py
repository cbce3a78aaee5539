"""The served description and the running server agree on paths and methods."""

import json

import pytest

from lib import http
from lib.system import ROOT, System

DESCRIPTION = json.loads((ROOT / "api" / "openapi.json").read_text())


def test_the_description_is_served(shared_api):
    response = shared_api.get("/openapi.json")
    assert response.status == 200 and response.header("Content-Type") == "application/json"
    assert response.json() == DESCRIPTION
    assert "max-age" in response.header("Cache-Control")


def test_the_description_is_not_sent_again_to_whoever_has_it(shared_api):
    tag = shared_api.get("/openapi.json").header("ETag")
    with http.Connection(shared_api.api.address) as connection:
        for _ in range(2):
            again = connection.ask("GET", "/openapi.json", {"If-None-Match": tag})
            assert (again.status, again.header("ETag"), again.body) == (304, tag, b"")
        assert connection.ask("GET", "/openapi.json").json() == DESCRIPTION, "the connection is still in step"


@pytest.fixture(name="whole_api", scope="module")
def one_with_every_path(tmp_path_factory):
    made = System(tmp_path_factory.mktemp("whole"))
    made.migrate().start_api(STRIPE_WEBHOOK_SECRET="whsec_test")
    yield made
    assert not made.close()


@pytest.mark.parametrize("path", DESCRIPTION["paths"])
def test_a_described_path_takes_the_described_methods(whole_api, path):
    described = {method.upper() for method in DESCRIPTION["paths"][path]} | {"OPTIONS"}
    described |= {"HEAD"} if "GET" in described else set()
    response = http.ask(whole_api.api.address, "OPTIONS", path.replace("{id}", "0190"))
    assert response.status == 204
    assert {method.strip() for method in response.header("Allow").split(",")} == described


def test_whoever_looks_around_is_led_to_the_description(shared_api):
    for method, path in (("OPTIONS", "*"), ("OPTIONS", "/pre-order"), ("GET", "/")):
        link = http.ask(shared_api.api.address, method, path).header("Link")
        assert link == '</openapi.json>; rel="service-desc"', f"{method} {path}"
