"""The types of problems are the same in the code, in docs/problems.md and in api/openapi.json."""

import json
import re

from lib.tree import files, read

# The home of types that IANA has registered; http/problem.h writes them "#name".
REGISTRY = "https://iana.org/assignments/http-problem-types"

# Of paths and methods that no operation of the description has.
OF_NO_OPERATION = {"method-not-allowed", "unknown-method"}


def in_code():
    """(status, name) of the problems that a call of problem_reply spells out; http/ has some in tables."""
    pattern = re.compile(r'problem_reply\(\s*[^,]+,\s*(\d{3}),\s*"(#?[a-z-]+)"')
    return {(int(status), name) for path in files(".c") if path.startswith(("http/", "api/"))
            for status, name in pattern.findall(read(path))}


def in_documents():
    pattern = re.compile(rf"^\| `(?:/problems/|{REGISTRY})?(#?[a-z-]+)` \| (\d{{3}}) \|", re.M)
    return {(int(status), name) for name, status in pattern.findall(read("docs/problems.md"))}


def in_description():
    document = json.loads(read("api/openapi.json"))

    def types(schema):
        if "$ref" in schema:
            return set()
        listed = schema.get("properties", {}).get("type", {}).get("enum", [])
        names = {each.removeprefix("/problems/").removeprefix(REGISTRY) for each in listed}
        return names.union(*map(types, schema.get("allOf", [])))

    found = set()
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if "$ref" in response:
                    response = document["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
                schema = response.get("content", {}).get("application/problem+json", {}).get("schema", {})
                assert int(status) < 400 or types(schema), f"{operation['operationId']} {status}: which problem?"
                found |= {(int(status), name) for name in types(schema)}
    return found


def test_every_problem_is_documented():
    assert len(in_code()) >= 10, "the pattern finds them"
    assert in_code() - in_documents() == set(), "not in docs/problems.md"


def test_no_documented_problem_is_gone():
    sources = "".join(read(path) for path in files(".c") if path.startswith(("http/", "api/")))
    assert [name for _, name in in_documents() if f'"{name}"' not in sources] == []


def test_every_problem_is_in_the_description():
    possible = {(status, name) for status, name in in_documents() if name not in OF_NO_OPERATION}
    assert possible - in_description() == set(), "not in api/openapi.json"
    assert in_description() - possible == set(), "in api/openapi.json only"
