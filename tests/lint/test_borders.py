"""Who may include whom, and which foreign library lives where (ARCHITECTURE.md)."""

import re

from lib.tree import files, includes, read

SOURCES = files(".c", ".h")

# Where a file stands: whose headers it may include. The longest prefix counts.
MAY_INCLUDE = {
    "common/": ("common/",),
    "common/domain/": ("common/domain/", "common/"),
    "common/store/": ("common/", "schema/"),
    "http/": ("http/", "common/"),
    "api/": ("api/", "http/", "common/"),
    "worker/": ("worker/", "http/", "common/"),
    "ctl/": ("ctl/", "common/"),
    "sandbox/": ("sandbox/", "http/", "common/"),
    "bench/": ("",),
    "tests/": ("",),
}

# Headers that only these may include, besides the tests and the benchmarks.
INNER = {
    "common/store/ops.h": ("common/store/",),
    "common/store/sqlite/": ("common/store/",),
    "schema/": ("common/store/",),
}

# The one home of each foreign library; the tests and the benchmarks may look behind it.
HOMES = {
    "sqlite3.h": ("common/store/sqlite/",),
    "libpq-fe.h": ("common/store/postgresql/",),
    "microhttpd.h": ("http/",),
    "curl/": ("worker/sender.c",),
    "jansson.h": ("common/domain/", "api/", "worker/", "ctl/", "sandbox/", "http/problem.c"),
    "ini.h": ("common/config",),
    "systemd/": ("common/log",),
    "idn2.h": ("common/domain/email.c",),
    "libsmartcols/": ("ctl/",),
    "openssl/": ("common/", "api/", "sandbox/"),
    "cmocka.h": (),
}


# Who may look behind everything; nobody includes what is theirs.
OUTSIDE = ("tests/", "bench/")


def inside(path, folders):
    return any(path.startswith(folder) for folder in folders)


def test_every_include_stays_within_the_borders_of_the_house():
    wrong = []
    for path in SOURCES:
        home = max((folder for folder in MAY_INCLUDE if path.startswith(folder)), key=len)
        for number, header, is_ours in includes(path):
            if is_ours and not inside(header, MAY_INCLUDE[home]):
                wrong.append(f"{path}:{number} includes {header}")
    assert not wrong, "\n".join(wrong)


def test_the_domain_knows_nothing_of_the_store():
    wrong = [f"{path}:{number} includes {header}" for path in SOURCES
             if path.startswith("common/domain/")
             for number, header, _ in includes(path) if header.startswith("common/store")]
    assert not wrong, "\n".join(wrong)


def test_the_inside_of_the_store_stays_inside():
    wrong = [f"{path}:{number} includes {header}" for path in SOURCES if not inside(path, OUTSIDE)
             for number, header, _ in includes(path)
             for inner, homes in INNER.items() if header.startswith(inner) and not inside(path, homes)]
    assert not wrong, "\n".join(wrong)


def test_every_foreign_library_has_one_home():
    wrong = [f"{path}:{number} includes {header}" for path in SOURCES if not inside(path, OUTSIDE)
             for number, header, _ in includes(path)
             for library, homes in HOMES.items()
             if header.startswith(library) and not inside(path, homes)]
    assert not wrong, "\n".join(wrong)


def noun(path):
    """Its header, its inner header and its source are one."""
    return re.sub(r"(_impl)?[.][ch]$", "", path)


def reachable(graph):
    """What each noun needs, by however many steps."""
    found = {name: set(needed) for name, needed in graph.items()}
    grown = True
    while grown:
        grown = False
        for name, needed in found.items():
            more = set().union(*(found.get(each, set()) for each in needed)) - needed
            needed |= more
            grown = grown or bool(more)
    return found


def test_no_noun_needs_itself_through_others():
    graph = {}
    for path in SOURCES:
        needed = graph.setdefault(noun(path), set())
        needed |= {noun(header) for _, header, is_ours in includes(path) if is_ours} - {noun(path)}
    found = reachable(graph)
    knots = []
    for name in sorted(name for name, needed in found.items() if name in needed):
        knot = {other for other in found[name] if name in found.get(other, set())}
        if knot not in knots:
            knots.append(knot)
    assert not knots, "cannot be read without each other: " + "; ".join(", ".join(sorted(knot)) for knot in knots)


def test_own_headers_are_named_from_the_root():
    wrong = [f"{path}:{number} includes \"{header}\"" for path in SOURCES
             for number, header, is_ours in includes(path)
             if is_ours and ("/" not in header or ".." in header)]
    assert not wrong, "\n".join(wrong)


def test_a_unit_test_mirrors_a_source_file():
    """Programs do, one for a file, or for one aspect of it (`worker_account.c` for `worker.c`); what several of them
    share has a name of its own."""
    wrong = []
    for path in SOURCES:
        if path.startswith("tests/unit/") and "int main(" in read(path):
            folder, name = path[len("tests/unit/"):].rsplit("/", 1)
            mirrored = f"{'common/domain' if folder == 'domain' else folder}/{name}"
            aspect_of = mirrored.rsplit("_", 1)[0] + ".c"
            if mirrored not in SOURCES and aspect_of not in SOURCES:
                wrong.append(f"{path} tests {mirrored}, which is not there")
    assert not wrong, "\n".join(wrong)
