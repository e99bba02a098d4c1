"""`rl-rewards watch`, a process of its own, in a real headless Chromium, while a recorder writes."""

import re
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest

pytest.importorskip("altair")
pytest.importorskip("vl_convert")
pytest.importorskip("uvicorn")

from rl_rewards import Reward, Rubric, Sample
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording import RunRecorder
from rl_rewards.recording.parts import parts_in
from rl_rewards.reporting.watching import WatchedRun

HOSTILE = "<script>document.title='run'</script><img src=x onerror=\"document.title='run'\">"


class Watching:
    """A running `rl-rewards watch`."""

    def __init__(self, *arguments):
        command = [sys.executable, "-m", "rl_rewards", "watch", *map(str, arguments)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.said = self.process.stderr.readline()
        found = re.search(r"http://\S+", self.said)
        self.url = found[0] if found else None
        # Whatever else it says is read, so that it never waits for a reader.
        self.lines = []
        threading.Thread(target=lambda: self.lines.extend(self.process.stderr), daemon=True).start()

    def get(self, path="", **options):
        return httpx.get(self.url + path, timeout=300, **options)

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        try:
            return self.process.wait(300)
        finally:
            self.process.kill()


def rubric():
    window = {"length_window": {"min_tokens": 1, "max_tokens": 3, "unit": "words"}}
    return Rubric([Reward("right", {"number_match": "answer"}), Reward("brief", window, weight=0.2)])


def record(recorder, steps):
    for step in steps:
        texts = ["4", "5", "4 no no no", f"{HOSTILE} {step}"] * 4
        samples = [Sample(f"2 + 2? ({i // 4})", text, text, {"answer": "4"}, group=i // 4) for i, text in enumerate(texts)]
        recorder.record(BatchContext(step, 0, True), recorder.rubric.evaluate(samples))
        recorder.flush()


def wait_for(condition, seconds=300):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.1)
    return found


@pytest.fixture
def watching(tmp_path):
    server = Watching(tmp_path / "run", "--port", "0")
    yield server
    server.stop(signal.SIGKILL)


@pytest.mark.slow
def test_a_reader_sees_rows_arrive_and_keeps_the_place(watching, browser, tmp_path):
    browser.get_log("browser")  # of other tests' pages
    directory = tmp_path / "run"
    browser.get(watching.url)
    assert browser.find_element("id", "reason").text.startswith("No rows have been recorded yet.")

    recorder = RunRecorder(directory, rubric())
    recorder.begin(0, 0, 1, max_steps=100)
    record(recorder, range(1, 4))
    wait_for(lambda: browser.find_elements("css selector", "html[data-ready] .layout"))
    steps = "const runs = document.getElementById('runs'); return runs ? JSON.stringify(JSON.parse(runs.textContent)) : ''"
    wait_for(lambda: '"of":48' in browser.execute_script(steps))

    # The reader chooses a theme, opens a part and scrolls.
    browser.execute_script(
        "window.kept = 1; const theme = document.getElementById('theme'); theme.value = 'dark'; theme.dispatchEvent(new Event('change'));"
        "document.querySelector('main details').open = true; window.scrollTo(0, 700);"
    )
    record(recorder, range(4, 6))
    wait_for(lambda: '"of":80' in browser.execute_script(steps))
    wait_for(lambda: browser.execute_script("return window.kept === 1 && document.querySelector('main details')?.open && window.scrollY > 300"))
    assert browser.execute_script("return document.documentElement.dataset.theme") == "dark"

    # Killed within a batch, and resumed from the checkpoint after step 3: steps 4 and 5 are run again.
    recorder.checkpoint(5)
    record(recorder, [6])
    part = max(parts_in(directory / "_rewards.parts")).path
    part.write_bytes(part.read_bytes()[:-200])
    live = "return document.getElementById('live')?.textContent ?? ''"  # in one step: the page puts another element in its place
    wait_for(lambda: browser.execute_script(live) == "live")
    resumed = RunRecorder(directory, rubric())
    resumed.begin(5, 0, 1, max_steps=100)
    record(resumed, [6, 7])
    wait_for(lambda: '"of":112' in browser.execute_script(steps))

    # The end of the run: the record is merged.
    resumed.finish()
    wait_for(lambda: browser.execute_script("return fetch('version').then((reply) => reply.text())") != "")
    assert browser.execute_script("return window.kept") == 1 and browser.title.startswith("Report: ")
    severe = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE" and "favicon" not in entry["message"]]
    assert severe == []
    asked = browser.execute_script("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert all(name.startswith((watching.url, "data:", "blob:")) for name in asked)
    assert watching.stop() == 0
    wait_for(lambda: "does not answer" in browser.execute_script(live))


@pytest.mark.slow
def test_ctrl_c_ends_it_with_status_0_and_says_nothing_more(watching):
    assert watching.said.startswith("watching ") and watching.get().status_code == 200
    assert watching.stop() == 0
    assert [line for line in watching.lines if "does not exist yet" not in line] == []


@pytest.mark.slow
def test_another_host_name_is_refused_and_other_addresses_do_not_reach_it(watching):
    assert watching.get(headers={"Host": "evil.example"}).status_code == 400
    assert watching.url.startswith("http://127.0.0.1:")
    reply = watching.get()
    assert reply.headers["x-content-type-options"] == "nosniff" and reply.headers["cache-control"] == "no-store"
    assert "default-src &#x27;none&#x27;" in reply.text and "unsafe" not in reply.text
    assert watching.get("../etc/passwd").status_code == 404


@pytest.mark.slow
def test_a_taken_port_is_an_error_that_names_a_free_one(watching, tmp_path):
    second = Watching(tmp_path, "--port", watching.url.rpartition(":")[2].strip("/"))
    assert second.process.wait(300) == 2
    assert "must be free, got: Address already in use; --port 0 takes a free one" in second.said


def test_what_is_no_run_is_named_and_the_page_goes_on_to_wait(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("<b>no run</b>")
    run = WatchedRun([path])
    page = run.page()
    assert "Waiting" in page and "<b>no run" not in page and str(path.name) in page


@pytest.mark.slow
def test_a_file_that_is_no_run_is_refused_at_once(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no run")
    refused = Watching(path, "--port", "0")
    assert refused.process.wait(300) == 2 and refused.said.startswith(f"error: {path}: ")


def test_an_unreadable_moment_keeps_the_last_page(tmp_path):
    recorder = RunRecorder(tmp_path, rubric())
    recorder.begin(0, 0, 1, max_steps=100)
    record(recorder, [1])
    run = WatchedRun([tmp_path])
    page, version = run.page(), run.version
    assert "layout" in page and not version.startswith("waiting")
    for part in parts_in(tmp_path / "_rewards.parts"):
        part.path.unlink()
    run.renew()
    assert run.page() == page and run.version == version


def test_without_a_reader_no_page_is_made(tmp_path):
    recorder = RunRecorder(tmp_path, rubric())
    recorder.begin(0, 0, 1, max_steps=100)
    record(recorder, [1])
    run = WatchedRun([tmp_path])
    run.renew_when_due()
    assert run._made_of is None
    run.version  # noqa: B018 - a reader asks
    run.renew_when_due()
    assert run._made_of is not None
