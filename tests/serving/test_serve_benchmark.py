"""The benchmark's short form: rates of ours alone, a soak of 800 requests with bad callers, and a kill of each sort."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench" / "serve.py"


def test_the_short_form_of_the_benchmark_loses_and_crosses_no_answer(tmp_path):
    ended = subprocess.run([sys.executable, str(SCRIPT), "--short", "--out", str(tmp_path / "out.json")], capture_output=True, text=True, timeout=550)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    figures = json.loads((tmp_path / "out.json").read_text())
    counts = figures["soak"]["counts"]
    assert counts["answered"] == counts["good sent"] + counts["slow sent"] and counts["refused"] == counts["malformed sent"] > 0
    assert counts["good sent"] + counts["slow sent"] + counts["malformed sent"] + counts["dropped sent"] == 800
    assert figures["soak"]["drain"]["answered"] + figures["soak"]["drain"].get("closed before a byte", 0) == 48
    assert all(figures["kills"][what]["replaced"] == 1 for what in ("SIGKILL of a process of --workers 2", "SIGKILL of a worker of the pool"))
