"""SIGHUP reads the catalog, secrets and the log level anew; what is broken leaves the old in force."""

import itertools
import json
import signal

from lib.system import CATALOG
from lib.wait import wait_until


def with_catalog(system):
    path = system.folder / "catalog.json"
    path.write_text(CATALOG.read_text())
    system.migrate().start_api(PREORDER_CATALOG=path)
    return path


def sells(system, price_id, color):
    return system.create(price_id=price_id, color=color).status == 201


def test_a_new_catalog_is_in_force_after_sighup(system):
    path = with_catalog(system)
    assert not sells(system, "price_new", "blue")
    catalog = json.loads(path.read_text())
    catalog["products"].append({"price_id": "price_new", "name": "New", "color": "blue", "amount": 100,
                                "payment_link": "https://buy.stripe.com/test_new"})
    path.write_text(json.dumps(catalog))
    assert not sells(system, "price_new", "blue"), "nothing changes by itself"
    system.api.signal(signal.SIGHUP)
    wait_until(lambda: sells(system, "price_new", "blue"), what="the new product is sold")
    assert sells(system, "price_lamp_black", "black")


def test_a_broken_catalog_leaves_the_old_one_in_force(system):
    path = with_catalog(system)
    path.write_text("{")
    system.api.signal(signal.SIGHUP)
    wait_until(lambda: [entry for entry in system.api.log() if entry["level"] == "error"], what="an error is logged")
    assert sells(system, "price_lamp_black", "black")
    path.write_text(CATALOG.read_text())
    system.api.signal(signal.SIGHUP)
    assert sells(system, "price_lamp_black", "black")


def test_the_log_level_follows_the_file(system):
    config = system.folder / "preorder.conf"
    config.write_text("[preorder]\nPREORDER_LOG_LEVEL = info\n")
    system.migrate().start_api("--config", config)
    numbers = itertools.count()

    def is_logged():
        """Whether a request leaves its line: it stands there once the next one was answered."""
        name = f"level-{next(numbers)}"
        system.create({"X-Request-Id": name})
        system.create()
        return any(entry.get("request_id") == name for entry in system.api.log())
    assert is_logged()
    for level, wanted in (("error", False), ("info", True)):
        config.write_text(f"[preorder]\nPREORDER_LOG_LEVEL = {level}\n")
        system.api.signal(signal.SIGHUP)
        wait_until(lambda: is_logged() == wanted, what=f"the level {level}")


def test_a_worker_reads_its_key_anew(shop):
    key = shop.folder / "key"
    key.write_text("pk_first\n")
    worker = shop.start_worker(KLAVIYO_API_KEY=None, KLAVIYO_API_KEY_FILE=key)
    shop.created()
    shop.wait_sent(1)
    key.write_text("pk_second\n")
    worker.signal(signal.SIGHUP)
    worker.wait_log("reloaded key and log level")
    shop.created()
    shop.wait_sent(2)
    assert "pk_" not in worker.stderr() + worker.stdout()


def test_a_key_that_cannot_be_sent_leaves_the_old_settings_in_force(shop):
    key, config = shop.folder / "key", shop.folder / "preorder.conf"
    key.write_text("pk_first\n")
    config.write_text("[preorder]\nPREORDER_LOG_LEVEL = info\n")
    worker = shop.start_worker("--config", config, KLAVIYO_API_KEY=None, KLAVIYO_API_KEY_FILE=key)
    config.write_text("[preorder]\nPREORDER_LOG_LEVEL = error\n")

    def failures():
        return len(worker.log("reload failed, the old settings stay"))
    for count, broken in enumerate((lambda: key.write_text("pk second\n"),
                                    lambda: key.write_text("pk_" + 1022 * "k" + "\n"), key.unlink), 1):
        broken()
        worker.signal(signal.SIGHUP)
        wait_until(lambda: failures() == count, what="the failure is logged")
    worker.is_exempt = True
    shop.created()
    shop.wait_sent(1)
    worker.wait_log("attempt")  # nor has the level changed
    assert "pk_" not in worker.stderr() + worker.stdout()
