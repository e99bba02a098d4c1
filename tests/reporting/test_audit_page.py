"""An audit as a page: the same findings, their texts escaped."""

import json

import pytest
from opened_page import seen, text
from typer.testing import CliRunner

from rl_rewards.auditing import AuditReport, Finding, Severity
from rl_rewards.cli import app
from rl_rewards.reporting.audit_page import audit_html

HOSTILE = "</pre><script>window.seen.push('ran')</script><img src=x onerror=alert(1)>"
FINDING = Finding(
    kind="candidates_listed", severity=Severity.ERROR, evidence="earns <b>1</b>", remedy="parse the last", reward="correct", response=HOSTILE
)


@pytest.mark.slow
def test_findings_and_facts_are_shown_and_none_is_markup(browser, tmp_path):
    facts = {"rows": 3, "form": HOSTILE, "separation": {"correct": {"auc": 0.75}}, "signal": {"lines": ["a <i>line</i>"]}}
    (tmp_path / "audit.html").write_text(audit_html(AuditReport.of([FINDING], facts), "<u>rubric</u>"))
    browser.get((tmp_path / "audit.html").as_uri())
    assert text(browser, "h1") == "Audit of <u>rubric</u>" and "3 rows: 1 error, 0 warnings, 0 notes." in text(browser, "main")
    assert text(browser, ".finding.error strong") == "candidates listed" and text(browser, ".finding .text") == HOSTILE
    shown = browser.execute_script("return [...document.querySelectorAll('tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))")
    assert shown == [["rows", "3"], ["form", HOSTILE], ["separation, correct, auc", "0.750"], ["signal, lines", "a <i>line</i>"]]
    assert browser.execute_script("return document.querySelectorAll('script, img, u, i').length") == 0 and seen(browser) == []


def test_the_command_writes_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rubric.yaml").write_text("rewards:\n- {name: correct, parse: {tag: answer}, score: {number_match: answer}}\n")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"prompt": f"{i} + 1?", "answer": str(i + 1)}) + "\n" for i in range(6)))
    result = CliRunner().invoke(app, ["audit", "rubric.yaml", "--data", "rows.jsonl", "--html", "audit.html", "--fail-on", "never"])
    assert result.exit_code == 0, result.output
    assert "Audit of <b>rubric.yaml</b>" in (tmp_path / "audit.html").read_text() and "page: audit.html" in result.output
    result = CliRunner().invoke(app, ["audit", "rubric.yaml", "--data", "rows.jsonl", "--html", "nowhere/audit.html"])
    assert result.exit_code == 2 and "nowhere: No such directory" in result.output
