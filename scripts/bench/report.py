"""How long a report of a run takes to build, how large it is, and how soon Chromium shows it.

    python scripts/bench/report.py                       # 100,000 completions, 4 rewards
    python scripts/bench/report.py --completions 1000000

Needs Debian's chromium and chromium-driver for the second part. The run is made by report_runs.py, unless --run names one.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from report_runs import simulate

from rl_rewards.reporting import read_run, write_report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--completions", type=int, default=100_000)
    parser.add_argument("--run", type=Path, help="a run's directory; by default one is made")
    parser.add_argument("--opened", type=int, default=5, help="how often the page is opened")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = options.run or simulate(Path(folder) / "run", steps=200, prompts=max(1, options.completions // (200 * 8)), group=8)
        page = Path(folder) / "report.html"
        begun, worked = time.perf_counter(), time.process_time()
        read = read_run(run)
        between = time.perf_counter()
        write_report([read], page)
        ended, cpu = time.perf_counter(), time.process_time() - worked
        print(f"{len(read):,} completions, {len(read.rewards)} rewards: read in {between - begun:.1f} s, page built in {ended - between:.1f} s")
        print(
            f"built in all: {ended - begun:.1f} s ({cpu:.1f} s of CPU), {page.stat().st_size / 1e6:.2f} MB, peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB"
        )
        shown(page, options.opened)


def shown(page: Path, times: int) -> None:
    """Print when the page was first painted, its first chart drawn, and its completions there: medians in seconds since navigation began."""
    from selenium import webdriver
    from selenium.webdriver.support.ui import WebDriverWait

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    note = """
        const observer = new MutationObserver(() => {
          if (!window.firstChart && document.querySelector('[data-drawn]')) window.firstChart = performance.now();
          if (!window.ready && document.documentElement.hasAttribute('data-ready')) window.ready = performance.now();
        });
        observer.observe(document, { subtree: true, attributes: true, childList: true });
    """
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": note})
    found = []
    try:
        for _ in range(times):
            driver.get("about:blank")
            driver.get(page.as_uri())
            WebDriverWait(driver, 120).until(lambda each: each.execute_script("return window.firstChart && window.ready"))
            script = "return [performance.getEntriesByName('first-contentful-paint')[0].startTime, window.firstChart, window.ready]"
            found.append([value / 1000 for value in driver.execute_script(script)])
    finally:
        driver.quit()
    for name, values in zip(("first painted", "first chart drawn", "completions there"), zip(*found)):
        print(f"{name}: {sorted(values)[len(values) // 2]:.2f} s (of {times}: {min(values):.2f} to {max(values):.2f})")


if __name__ == "__main__":
    main()
