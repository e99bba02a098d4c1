"""What a run learned, as a page: `write_report`. README.md shows how to read one.

run = read_run("runs/arithmetic")          # a Run: arrays over completions and rewards, read once
curve = curve_of(run.total, run.step, run.trained)   # mean, p10, p90 and count by step
groups = groups_of(run)                    # which groups carry a gradient; variance_shares says what drives it
write_report([run], "report.html")         # or paths instead of runs; report_html gives the page as text
"""

from rl_rewards.reporting.at_end import write_report_at_end
from rl_rewards.reporting.curves import curve_of
from rl_rewards.reporting.errors import ReportError
from rl_rewards.reporting.groups import groups_of, predicted_useful, right_of, variance_shares
from rl_rewards.reporting.reading import read_run
from rl_rewards.reporting.report import report_html, write_report
from rl_rewards.reporting.run import Run

__all__ = [
    "ReportError",
    "Run",
    "curve_of",
    "groups_of",
    "predicted_useful",
    "read_run",
    "report_html",
    "right_of",
    "variance_shares",
    "write_report",
    "write_report_at_end",
]
