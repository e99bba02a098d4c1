"""What a user's type checker says of code that uses the library: what is right passes, what is wrong is flagged on its line."""

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

HERE = Path(__file__).parent
USER_CODE = HERE / "user_code.py"


def expected():
    marks = {number: re.search(r"# error: (.+)", line) for number, line in enumerate(USER_CODE.read_text().splitlines(), 1) if number > 1}
    return {number: set(mark[1].split(", ")) for number, mark in marks.items() if mark}


@pytest.mark.slow
def test_a_type_checker_flags_each_wrong_line_of_a_users_code_and_no_other(tmp_path):
    (tmp_path / "user_code.py").write_text(USER_CODE.read_text())
    settings = {"include": ["user_code.py"], "typeCheckingMode": "standard", "extraPaths": [str(HERE.parent.parent)]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable, "--project", str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert run.returncode == 1, run.stdout + run.stderr
    found = defaultdict(set)
    for diagnostic in json.loads(run.stdout)["generalDiagnostics"]:
        found[diagnostic["range"]["start"]["line"] + 1].add(diagnostic["rule"])
    assert found == expected()
