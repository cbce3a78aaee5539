"""Our own description: well made, and what happens, which Prism judges as a proxy in front of the API.

The judged run of the integration tests (tests/run.py, lib/judge.py) is the proof; here stand the canaries: that
Prism does see a difference, and that nothing is left out without need.
"""

import json
import os
import subprocess
import sys
from fnmatch import fnmatch

import pytest

from lib import http, judge
from lib.judged import CHECKOUT_TESTS, DIRECT
from lib.process import clean_environment
from lib.system import ROOT, preorder

FOLDER = ROOT / "tests" / "contract"


def test_redocly_finds_nothing_to_complain_of(tmp_path):
    def lint(path):
        redocly = FOLDER / "node_modules" / ".bin" / "redocly"
        env = clean_environment(REDOCLY_TELEMETRY="off", REDOCLY_SUPPRESS_UPDATE_NOTICE="true")
        return subprocess.run([redocly, "lint", "--config", FOLDER / "redocly.yaml", path],
                              capture_output=True, text=True, check=False, env=env)
    done = lint(ROOT / "api" / "openapi.json")
    assert done.returncode == 0 and "Woohoo" in done.stdout + done.stderr, done.stdout + done.stderr
    broken = json.loads((ROOT / "api" / "openapi.json").read_text())
    del broken["paths"]["/pre-order"]["post"]["operationId"]
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    assert lint(tmp_path / "broken.json").returncode != 0, "it complains of what is wrong"


@pytest.fixture(scope="module")
def watched(shared_api):
    """The API and a judge of its own."""
    own = judge.Judge()
    shared_api.description = http.ask(shared_api.api.direct_address, "GET", "/openapi.json").json()
    shared_api.judge = own
    yield shared_api
    own.close()


def findings(watched, description, method="POST", path="/pre-order", headers=None, body=None):
    """The status, and what the judge finds when that is the description."""
    address = watched.judge.put_before(watched.api.direct_address, description)
    response = http.ask(address, method, path, headers, body)
    return response.status, judge.differences(method, response.status, response.header(judge.HEADER))


def test_what_is_as_described_is_let_pass(watched):
    for body, status in ((preorder(), 201), (preorder(email="nobody"), 422), (preorder(email=None), 422)):
        assert findings(watched, None, body=body) == (status, [])


def create(description):
    return description["paths"]["/pre-order"]["post"]


def of_created(description):
    return description["components"]["schemas"]["Preorder"]


def with_another_status(description):
    del create(description)["responses"]["422"]
    return preorder(email="nobody")


def with_another_media_type(description):
    content = create(description)["responses"]["201"]["content"]
    content["application/xml"] = content.pop("application/json")
    return preorder()


def with_another_type_of_a_member(description):
    of_created(description)["properties"]["number"] = {"type": "integer"}
    return preorder()


def with_a_member_that_never_comes(description):
    of_created(description)["required"].append("extra")
    of_created(description)["properties"]["extra"] = {"type": "string"}
    return preorder()


def with_another_pattern_of_a_member(description):
    description["components"]["schemas"]["Id"]["pattern"] = "^[0-9]+$"
    return preorder()


def with_a_header_that_never_comes(description):
    create(description)["responses"]["201"]["headers"]["X-Extra"] = {"required": True, "schema": {"type": "string"}}
    return preorder()


def with_another_problem(description):
    schema = create(description)["responses"]["422"]["content"]["application/problem+json"]["schema"]
    schema["allOf"][1]["properties"]["type"]["enum"] = ["/problems/idempotency-key-reused"]
    return preorder(email="nobody")


def with_a_limit_that_is_not_kept(description):
    description["components"]["schemas"]["PreorderRequest"]["properties"]["source"]["maxLength"] = 3
    return preorder(source="four")


@pytest.mark.parametrize("doctored", [
    with_another_status, with_another_media_type, with_another_type_of_a_member, with_a_member_that_never_comes,
    with_another_pattern_of_a_member, with_a_header_that_never_comes, with_another_problem,
    with_a_limit_that_is_not_kept])
def test_a_description_that_is_wrong_is_found_out(watched, doctored):
    description = json.loads(json.dumps(watched.description))
    body = doctored(description)
    _, found = findings(watched, description, body=body)
    assert found, f"nobody noticed a description {doctored.__name__.replace('_', ' ')}"


def test_an_operation_that_is_not_described_is_found_out(watched):
    made = watched.created()
    description = json.loads(json.dumps(watched.description))
    del description["paths"]["/pre-order/{id}"]
    assert findings(watched, None, "GET", f"/pre-order/{made['id']}") == (200, [])
    status, found = findings(watched, description, "GET", f"/pre-order/{made['id']}")
    assert status == 200 and found


def run_pytest(*arguments, **settings):
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments], cwd=ROOT,
                          capture_output=True, text=True, check=False, env={**os.environ, **settings})


def test_the_judged_run_fails_when_the_description_is_wrong(watched, tmp_path):
    description = json.loads(json.dumps(watched.description))
    with_another_pattern_of_a_member(description)
    path = tmp_path / "doctored.json"
    path.write_text(json.dumps(description))
    one = "tests/integration/test_idempotency.py::test_nothing_is_remembered_of_a_refused_request"
    assert run_pytest(one, TEST_BEHIND_JUDGE="1").returncode == 0
    done = run_pytest(one, TEST_BEHIND_JUDGE="1", TEST_DESCRIPTION=str(path))
    assert done.returncode == 1 and "not as described: POST 201" in done.stdout, done.stdout


def test_what_is_left_out_of_the_judged_run_is_there():
    done = run_pytest("--collect-only", "tests/integration")
    ids = [line for line in done.stdout.splitlines() if "::" in line]
    assert len(ids) > 100, done.stdout + done.stderr
    assert [pattern for pattern in DIRECT if not any(fnmatch(each, pattern) for each in ids)] == []
    assert all((ROOT / "tests" / "integration" / f"{name}.py").exists() for name in CHECKOUT_TESTS)
