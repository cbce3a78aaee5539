"""`preorderctl pause` and `resume`: whether anything is sent at all."""

from lib.wait import wait_until


def audit_lines(system):
    return [(row["action"], row["target"], row["reason"], row["count"])
            for row in system.rows("SELECT * FROM audit_log ORDER BY id")]


def test_nothing_is_sent_between_pause_and_resume(shop):
    shop.start_worker()
    shop.created()
    shop.wait_sent(1)
    done = shop.ctl("pause", "--yes", "--reason", "Klaviyo maintenance")
    assert done.returncode == 0 and "Paused" in done.stdout
    for _ in range(5):
        shop.created()
    status = shop.ctl_json("status")["account"]
    assert status["paused_by_person"] and status["held_back_by"] == "paused"
    assert "Klaviyo maintenance" in shop.ctl("status").stdout
    requests = shop.stats()["requests"]
    worker = shop.start_worker()  # neither does one that comes later
    wait_until(lambda: shop.value("SELECT count(*) FROM workers") == 2, what="both run")
    assert worker.is_running() and shop.count("pending") == 5
    assert shop.stats()["requests"] == requests, "not even a probe"
    done = shop.ctl("resume", "--yes")
    assert done.returncode == 0 and "Resumed" in done.stdout
    shop.wait_sent(6)
    assert all(event["attempts"] == 1 for event in shop.events())
    assert audit_lines(shop) == [("pause", "account", "Klaviyo maintenance", 1), ("resume", "account", "", 1)]


def test_a_dry_run_changes_nothing(shop):
    assert shop.ctl_json("pause", "--dry-run") == {"action": "pause", "dry_run": True, "changed": True}
    assert shop.ctl_json("status")["account"]["paused_at"] is None
    assert shop.ctl_json("resume", "--dry-run") == {"action": "resume", "dry_run": True, "changed": False}
    assert audit_lines(shop) == []


def test_it_wants_a_yes(shop):
    done = shop.ctl("pause")
    assert done.returncode == 2 and "--yes" in done.stderr
    assert shop.ctl_json("status")["account"]["paused_at"] is None


def test_without_a_reason_it_says_so(shop):
    assert shop.ctl("pause", "--yes").returncode == 0
    assert shop.ctl_json("status")["account"]["pause_reason"] == "no reason given"
    assert "the account is paused by a person: no reason given" in shop.ctl("check").stdout
    assert audit_lines(shop) == [("pause", "account", "", 1)]


def test_twice_is_once(shop):
    assert shop.ctl_json("pause", "--yes")["changed"] is True
    assert shop.ctl_json("pause", "--yes")["changed"] is False
    assert shop.ctl_json("resume", "--yes")["changed"] is True
    assert shop.ctl_json("resume", "--yes")["changed"] is False
    assert len(audit_lines(shop)) == 2
