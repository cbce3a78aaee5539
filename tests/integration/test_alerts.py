"""Alert rules: tested by promtool, in both directions, and each leads to help that is there."""

import re
import subprocess

import pytest

from lib.system import CTL, ROOT

RULES = ROOT / "deploy" / "prometheus" / "preorder.rules.yml"
TESTS = ROOT / "tests" / "alerts" / "preorder.test.yml"
RUNBOOK = ROOT / "docs" / "runbook.md"

PROGRAMS = ("preorderctl", "preorder-worker", "preorder-api")


def read_alerts():
    """Each alert's own lines, by its name."""
    parts = re.split(r"^ +- alert: (\w+)\n", RULES.read_text(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


ALERTS = read_alerts()


def field(name, alert):
    return re.search(rf"^ +{name}: *(.+)$", ALERTS[alert], re.M).group(1).strip('"')


def promtool_test(folder, rules):
    """Runs the rule tests against other rules."""
    (folder / "rules.yml").write_text(rules)
    tests = TESTS.read_text().replace("../../deploy/prometheus/preorder.rules.yml", "rules.yml")
    (folder / "test.yml").write_text(tests)
    return subprocess.run(["promtool", "test", "rules", folder / "test.yml"], capture_output=True, text=True,
                          check=False)


def sections():
    """The runbook's sections by the anchor that a link has to name."""
    parts = re.split(r"^## (.+)\n", RUNBOOK.read_text(), flags=re.M)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-"): text
            for title, text in zip(parts[1::2], parts[2::2])}


def commands_in(text):
    """Commands that stand on lines of their own: program and first word."""
    return re.findall(rf"^    ({'|'.join(PROGRAMS)})(?: ([\w-]+))?", text, re.M)


def test_the_rules_are_right_and_every_test_of_them_passes(tmp_path):
    done = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    done = promtool_test(tmp_path, RULES.read_text())
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_must_be_watched_is_watched():
    assert {"PreorderEventsLate", "PreorderEventsDead", "PreorderPaymentsFlagged", "PreorderAccountPaused",
            "PreorderBreakerOpen", "PreorderWorkerMissing", "PreorderCheckoutSlow",
            "PreorderFailureRatio"} <= set(ALERTS)


@pytest.mark.parametrize("expression", ["vector(0) > 1", "vector(1)"], ids=["never-fires", "always-fires"])
@pytest.mark.parametrize("alert", ALERTS)
def test_a_rule_that_is_broken_is_found_out(tmp_path, alert, expression):
    """So each alert fires in its test and stays silent in the healthy one."""
    block = ALERTS[alert]
    broken = re.sub(r"expr: (?:\|\n(?: {10,}.*\n)+|.*\n)", f"expr: {expression}\n", block, count=1)
    assert broken != block
    done = promtool_test(tmp_path, RULES.read_text().replace(block, broken))
    assert done.returncode != 0 and alert in done.stdout + done.stderr, done.stdout


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_leads_to_a_section_that_names_a_command_that_exists(alert):
    assert field("severity", alert) in ("critical", "warning")
    assert field("summary", alert)
    path, anchor = field("runbook_url", alert).split("#")
    assert ROOT / path == RUNBOOK
    section = sections()[anchor]
    assert f"*{alert}." in section, "the section names its alert"
    assert commands_in(section)


def test_every_command_in_the_runbook_exists():
    """With its options: --help names them."""
    for program, word in sorted(set(commands_in(RUNBOOK.read_text()))):
        if program == "preorderctl":
            done = subprocess.run([CTL, word, "--help"], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"preorderctl {word}: {done.stderr}"
    for line in re.findall(r"^    preorderctl (.+)", RUNBOOK.read_text(), re.M):
        word = line.split()[0]
        told = subprocess.run([CTL, word, "--help"], capture_output=True, text=True, check=False).stdout
        for option in re.findall(r" (--[\w-]+)", line):
            assert option in told, f"preorderctl {word} knows no {option}"
