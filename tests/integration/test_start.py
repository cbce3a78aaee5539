"""Starting with something wrong: exit 2 or 1 and one line that names the cause."""

import json
import os
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest

from lib.system import API, CATALOG, CTL, SANDBOX, WORKER


def told(done, status, *words):
    """One line on stderr, with the cause in it; nothing on stdout."""
    lines = done.stderr.strip().splitlines()
    assert done.returncode == status, f"{done.returncode}: {done.stderr} {done.stdout}"
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0], f"{word!r} is not named: {lines[0]}"
    assert done.stdout == ""


@pytest.mark.parametrize("program", [API, WORKER, CTL, SANDBOX], ids=lambda path: path.name)
def test_help_and_version_are_there(system, program):
    shown = system.run(program, "--help")
    assert shown.returncode == 0 and "--config" in shown.stdout and shown.stderr == ""
    version = system.run(program, "--version")
    assert version.returncode == 0 and program.name in version.stdout


@pytest.mark.parametrize("program", [API, WORKER, CTL, SANDBOX], ids=lambda path: path.name)
def test_an_unknown_flag_is_wrong_usage(system, program):
    done = system.run(program, "--no-such-flag", "1")
    assert done.returncode == 2 and "no-such-flag" in done.stderr.splitlines()[0]


def test_nothing_is_printed_into_a_file_where_standard_output_was_closed(system):
    system.migrate().start_api()
    for _ in range(100):
        system.created()
    gate = Path(f"{system.database}-gate")
    before = gate.stat().st_size
    done = system.run("/bin/sh", "-c", 'exec "$0" list --limit 1000 >&-', CTL)
    told(done, 1, "standard output takes nothing")
    assert gate.stat().st_size == before, "customers' addresses in the gate's file"


def test_settings_are_listed_with_their_origin_and_secrets_masked(system):
    config = system.folder / "preorder.conf"
    config.write_text("[preorder]\nPREORDER_WRITE_TIMEOUT = 3s\n")
    done = system.run(API, "--config", config, "--check-config", "--number-prefix", "LAMP",
                      KLAVIYO_API_KEY="pk_very_secret")
    assert done.returncode == 0, done.stderr
    shown = done.stdout
    assert "3s" in shown and str(config) in shown and "LAMP" in shown
    assert "pk_very_secret" not in shown + done.stderr


def test_an_unknown_key_in_the_file_is_named_with_its_line(system):
    config = system.folder / "preorder.conf"
    config.write_text("[preorder]\nPREORDER_WRITE_TIMEOUT = 3s\nPREORDER_COLOUR = red\n")
    told(system.run(API, "--config", config), 2, "PREORDER_COLOUR", f"{config}:3")


def test_a_value_out_of_range_in_the_file_is_named_with_its_line(system):
    config = system.folder / "preorder.conf"
    config.write_text("[preorder]\n\nPREORDER_CONCURRENCY = 0\n")
    told(system.run(WORKER, "--config", config), 2, "PREORDER_CONCURRENCY", f"{config}:3")


def test_an_unknown_variable_in_the_environment_is_named(system):
    told(system.run(API, PREORDER_COLOUR="red"), 2, "PREORDER_COLOUR")


@pytest.mark.parametrize("program, name, value", [
    (API, "PREORDER_WRITE_TIMEOUT", "soon"), (API, "PREORDER_LISTEN", "nowhere"),
    (API, "PREORDER_REQUEST_DEADLINE", "-1s"), (WORKER, "PREORDER_CONCURRENCY", "99999999999999999999"),
    (WORKER, "PREORDER_RETRY_BASE", "2 s"), (WORKER, "KLAVIYO_BASE_URL", "ftp://a.klaviyo.com"),
    (WORKER, "KLAVIYO_BASE_URL", "http://a.klaviyo.com"), (API, "PREORDER_LOG_LEVEL", "loud")])
def test_a_wrong_value_in_the_environment_is_named(system, program, name, value):
    told(system.migrate().run(program, **{name: value}), 2, name)


def test_a_wrong_value_of_a_flag_is_named(system):
    told(system.run(API, "--write-timeout", "soon"), 2, "write-timeout")


def test_a_secret_is_not_taken_from_a_flag(system):
    done = system.run(WORKER, "--klaviyo-api-key", "pk_secret")
    assert done.returncode == 2 and "pk_secret" not in done.stderr


def test_a_secret_in_two_places_is_refused(system):
    key = system.folder / "key"
    key.write_text("pk_other\n")
    told(system.migrate().run(WORKER, KLAVIYO_API_KEY_FILE=key), 2, "KLAVIYO_API_KEY")


def test_a_worker_without_a_key_does_not_start(system):
    told(system.migrate().run(WORKER, KLAVIYO_API_KEY=None), 2, "KLAVIYO_API_KEY")


def test_the_key_may_come_from_a_file_or_a_credential(shop):
    (shop.folder / "klaviyo_api_key").write_text("pk_from_a_file\n")
    for settings in ({"KLAVIYO_API_KEY_FILE": shop.folder / "klaviyo_api_key"},
                     {"CREDENTIALS_DIRECTORY": shop.folder}):
        count = shop.count("sent")
        worker = shop.start_worker(KLAVIYO_API_KEY=None, **settings)
        shop.created()
        shop.wait_sent(count + 1)
        worker.stop()


@pytest.mark.parametrize("content, word", [
    ("", "catalog"), ("{", "catalog"), ("[]", "catalog"),
    ('{"currency": "XYZ", "products": [{"price_id": "a", "name": "A", "color": "b", "amount": 1,'
     ' "payment_link": "https://example.com/a"}]}', "currency"),
    ('{"currency": "USD", "products": [{"price_id": "a", "name": "A", "color": "b", "amount": -1,'
     ' "payment_link": "https://example.com/a"}]}', "amount"),
    ('{"currency": "USD", "products": [{"price_id": "a", "name": "A", "color": "b", "amount": 1,'
     ' "payment_link": "ftp://example.com/a"}]}', "payment_link")])
def test_a_broken_catalog_stops_the_start(system, content, word):
    system.migrate()
    catalog = system.folder / "catalog.json"
    catalog.write_text(content)
    told(system.run(API, PREORDER_CATALOG=catalog), 2, "catalog.json", word)


def test_a_product_twice_in_the_catalog_stops_the_start(system):
    catalog = json.loads(CATALOG.read_text())
    catalog["products"].append(catalog["products"][0])
    path = system.folder / "catalog.json"
    path.write_text(json.dumps(catalog))
    told(system.migrate().run(API, PREORDER_CATALOG=path), 2, "catalog.json", "price_lamp_black")


def test_a_missing_catalog_stops_the_start(system):
    told(system.migrate().run(API, PREORDER_CATALOG=system.folder / "no.json"), 2, "no.json")


@pytest.mark.parametrize("program", [API, WORKER], ids=lambda path: path.name)
def test_without_a_database_migrate_is_named(system, program):
    told(system.run(program), 1, "preorder.db", "preorderctl migrate")
    assert not system.database.exists(), "nobody but migrate makes a database"


@pytest.mark.parametrize("program", [API, WORKER], ids=lambda path: path.name)
@pytest.mark.parametrize("version, word", [(9999, "upgrade"), (0, "migrate")])
def test_a_database_of_another_version_is_refused(system, program, version, word):
    connection = sqlite3.connect(system.migrate().database)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    told(system.run(program), 1, "preorder.db", word)


def test_migrate_refuses_a_newer_database_and_leaves_an_equal_one(system):
    system.migrate().migrate()
    connection = sqlite3.connect(system.database)
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    told(system.ctl("migrate"), 1, "upgrade")


@pytest.mark.parametrize("program", [API, WORKER], ids=lambda path: path.name)
def test_something_that_is_no_database_is_refused(system, program):
    system.database.write_bytes(b"this is no database, but it is long enough to look like one " * 100)
    told(system.run(program), 1, "preorder.db")


@pytest.mark.parametrize("program", [API, WORKER], ids=lambda path: path.name)
def test_a_directory_that_cannot_be_written_is_named(system, program):
    """Root may write anywhere, so the programs run as nobody here."""
    system.migrate()
    system.folder.chmod(0o555)
    system.database.chmod(0o444)
    try:
        if os.geteuid() == 0:
            os.chmod(system.folder.parent, 0o755)
            reach(system.folder)
            done = system.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program)
        else:
            done = system.run(program)
    finally:
        system.folder.chmod(0o755)
    told(done, 1, "preorder.db")


def reach(folder):
    """Lets everybody pass through the folders above, as they may in production."""
    for parent in folder.parents:
        if parent.stat().st_uid == os.geteuid() and parent.stat().st_mode & 0o011 != 0o011:
            parent.chmod(parent.stat().st_mode | 0o011)


def test_a_url_that_no_engine_knows_is_wrong_settings(system):
    told(system.run(API, DATABASE_URL="mysql://localhost/preorder"), 2, "DATABASE_URL")


@pytest.mark.parametrize("program, name", [
    (API, "PREORDER_LISTEN"), (API, "PREORDER_ADMIN_LISTEN"), (WORKER, "PREORDER_WORKER_LISTEN")])
def test_a_port_that_was_set_and_is_taken_is_named(system, program, name):
    system.migrate()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        told(system.run(program, **{name: address}), 1, address)


@pytest.mark.parametrize("program", [API, WORKER], ids=lambda path: path.name)
def test_with_too_few_descriptors_the_start_fails_and_says_why(system, program):
    """Whichever step it is that finds none left."""
    system.migrate()
    causes = ""
    for limit in (*range(5, 25), 192):
        done = system.run("prlimit", f"--nofile={limit}", program)
        told(done, 1)
        causes += done.stderr
    for cause in ("cannot open the gate", "cannot open the database", "cannot configure the database",
                  "_LISTEN: cannot listen on", "cannot start the admin listener",
                  "the limit on open files (192) leaves none for connections"):
        assert cause in causes


def test_an_api_that_cannot_hear_signals_does_not_start(system):
    """The one step that always finds a descriptor, since the loader needed one before."""
    shim = system.folder / "shim.c"
    shim.write_text("#include <errno.h>\n#include <signal.h>\n"
                    "int signalfd(int fd, const sigset_t *set, int flags) {\n"
                    "    (void)fd, (void)set, (void)flags;\n    errno = ENFILE;\n    return -1;\n}\n")
    library = system.folder / "shim.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, shim], check=True)
    options = system.environment()["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
    done = system.migrate().run(API, LD_PRELOAD=library, ASAN_OPTIONS=options)
    told(done, 1, "cannot wait for signals", "Too many open files in system")


def test_migrate_says_what_it_did(system):
    first = system.ctl_json("migrate")
    assert first["version_before"] == 0 and first["version_after"] >= 1
    again = system.ctl_json("migrate")
    assert again["version_before"] == again["version_after"] == first["version_after"]


@pytest.mark.parametrize("program", [API, WORKER], ids=lambda path: path.name)
def test_what_is_no_flag_is_wrong_usage(system, program):
    done = system.run(program, "now", KLAVIYO_API_KEY="pk")
    assert done.returncode == 2 and "now" in done.stderr
