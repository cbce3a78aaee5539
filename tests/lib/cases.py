"""Requests as data files: tests/data/requests/README.md says what stands in them."""

import base64
import json

from lib import http
from lib.page import check_error_page
from lib.system import ROOT

FOLDER = ROOT / "tests" / "data" / "requests"


def names():
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def _repeat(parts):
    return "".join(text * times for text, times in parts).encode()


def _bytes(case, member):
    """The bytes of "body" or "raw" in whichever of its forms it stands."""
    if f"{member}_base64" in case:
        return base64.b64decode(case[f"{member}_base64"])
    if f"{member}_repeat" in case:
        return _repeat(case[f"{member}_repeat"])
    return case[member].encode() if member in case else None


def wire(case):
    """What goes over the wire for a case."""
    raw = _bytes(case, "raw")
    if raw is not None:
        return raw
    return http.render(case.get("method", "POST"), case.get("path", "/pre-order"), case.get("headers"),
                       _bytes(case, "body"))


def statuses(expect):
    status = expect["status"]
    return status if isinstance(status, list) else [status]


def check_headers(response, wanted):
    for name, value in (wanted or {}).items():
        found = response.header(name)
        if value is None:
            assert found is None, f"{name} must not be there: {response}"
            continue
        assert found is not None, f"{name} is missing: {response}"
        if value is not True:
            there = {part.strip().lower() for part in found.split(",")}
            assert {part.strip().lower() for part in value.split(",")} <= there, f"{name}: {found}"


def check_refusal(response, expect):
    """A refusal is a whole problem document, or a whole page for a browser that posted a form."""
    if "page" not in expect:
        check_problem(response, expect)
        return
    listed = check_error_page(response).list()
    wanted = expect["page"]
    assert len(listed) == len(wanted), listed
    for words in wanted:
        assert any(text.startswith(f"{words} ") for text in listed), f"{words}: {listed}"


def check_problem(response, expect):
    """Every member is there, for every client that reads it."""
    assert response.header("Content-Type") == "application/problem+json", response
    assert response.header("X-Request-Id"), response
    problem = response.json()
    assert problem["status"] == response.status, problem
    for member in ("type", "title", "detail", "request_id"):
        assert isinstance(problem.get(member), str) and problem[member], f"{member}: {problem}"
    assert problem["request_id"] == response.header("X-Request-Id"), problem
    if "type" in expect:
        assert problem["type"].rsplit("/", 1)[-1] == expect["type"], problem
    pointers = sorted(error["pointer"] for error in problem.get("errors", []))
    if "pointers" in expect:
        assert pointers == sorted(expect["pointers"]), problem
    for error in problem.get("errors", []):
        assert error["detail"], problem
