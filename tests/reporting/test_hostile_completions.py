"""Nothing that a model, a data set or a rubric wrote is ever markup or script in the report."""

import json

import pytest
from opened_page import draw_all, open_page, requests, seen, set_filter, text, wait

from rl_rewards import EvaluateResult, Reward, Rubric, Sample, reward_function
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording import RunRecorder
from rl_rewards.reporting import write_report
from rl_rewards.types import MetricResult

pytestmark = pytest.mark.slow

HOSTILE = [
    "<script>window.seen.push('ran')</script>",
    "</script><script>window.seen.push('ran')</script>",
    "</SCRIPT ><img src=x onerror=\"window.seen.push('ran')\">",
    "<!--<script>",
    "--><script>window.seen.push('ran')</script>",
    "]]><svg/onload=window.seen.push('ran')>",
    "</textarea></title></style><iframe srcdoc=\"<script>parent.window.seen.push('ran')</script>\"></iframe>",
    '"><a href="javascript:window.seen.push(\'ran\')">x</a>',
    "' onmouseover='window.seen.push(1)",
    "<a href=javascript:window.seen.push('ran')>x</a><form action=//evil.example><input name=a>",
    "<link rel=stylesheet href=//evil.example/x.css><base href=//evil.example/><meta http-equiv=refresh content='0;url=//evil.example'>",
    "<img src=https://evil.example/pixel.png><video src=//evil.example/v></video><object data=//evil.example></object>",
    "{{constructor.constructor('window.seen.push(1)')()}} ${window.seen.push('ran')} <%= 1 %>",
    "\u2028window.seen.push('ran')\u2029 \x00 \ud800 \ufeff",
    '"},{"x":"</script>',
    '[{"role": "<img src=x onerror=window.seen.push(\'ran\')>", "content": "<script>window.seen.push(\'ran\')</script>"}]',
    "[{broken",
    "<details open ontoggle=window.seen.push('ran')><math><mtext></table><style><img src=x onerror=window.seen.push(1)>",
    "css:--ink datum.value series https://evil.example",
    "&lt;script&gt; &amp; &#x3c;",
]


@reward_function
def echo(response: str):
    """Says back what it was given, as a judge does."""
    return EvaluateResult(float(len(response)), response, {response[:60]: MetricResult(1.0, response)})


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    directory = tmp_path_factory.mktemp("hostile") / "<b>run</b>"
    rubric = Rubric(
        (Reward("echo", echo, parse={"regex": "(?s)(.+)"}), Reward("constructor", echo, weight=0.5), Reward("__proto__", echo, weight=0.1))
    )
    recorder = RunRecorder(directory, rubric)
    recorder.begin(0, 0, 1, config={"</script><script>alert(1)</script>": "<img src=x onerror=alert(1)>"})
    for step in (1, 2):
        samples = [Sample(f"prompt {text}", text, text, {"column": text, "<b>": 1}, None, i // 4, step, i, text) for i, text in enumerate(HOSTILE)]
        recorder.record(BatchContext(step, 0, True), rubric.evaluate(samples))
        recorder.flush()
    recorder.checkpoint(2)
    recorder.finish()
    history = [{"step": step, "<img src=x onerror=alert(1)>": 0.5 * step} for step in (1, 2)]
    (directory / "trainer_state.json").write_text(json.dumps({"log_history": history}))
    return write_report([directory], directory.parent / "report.html")


ALLOWED = "html head body meta title style script header h1 h2 h3 h4 div span select option label nav ul ol li a main section p dl dt dd table caption thead tbody tr th td strong i b figure figcaption details summary pre form input button article mark canvas"


def test_no_text_becomes_an_element_and_no_script_of_one_runs(browser, page):
    open_page(browser, page)
    draw_all(browser)
    for step in (1, 2):
        for i in range(len(HOSTILE)):
            browser.execute_script("location.hash = arguments[0]", f"#row=train/{step}/0/{i}")
            browser.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
    browser.execute_script(
        "for (const each of document.querySelectorAll('.term, a, mark, .text')) each.dispatchEvent(new MouseEvent('mouseover', { bubbles: true }))"
    )
    assert seen(browser) == []
    names = browser.execute_script("return [...new Set([...document.querySelectorAll('*')].map((each) => each.localName))]")
    assert set(names) <= set(ALLOWED.split())
    handlers = "return [...document.querySelectorAll('*')].filter((each) => [...each.attributes].some(({ name }) => name.startsWith('on'))).length"
    assert browser.execute_script(handlers) == 0
    links = browser.execute_script("return [...document.querySelectorAll('a')].map((each) => each.getAttribute('href'))")
    assert all(link.startswith("#") for link in links)
    assert [url for url in requests(browser) if not url.startswith(("file:", "about:"))] == []


def test_a_hostile_completion_is_shown_as_its_text(browser, page):
    open_page(browser, page)
    for place, hostile in enumerate(HOSTILE):
        browser.execute_script("location.hash = arguments[0]", f"#row=train/1/0/{place}")
        wait(browser, lambda place=place: text(browser, "#detail-title").endswith(f"step 1, completion {place}"))
        wanted = hostile.replace("\ud800", "\\ud800")
        if not hostile.startswith('[{"'):
            assert text(browser, "#completion .text") == wanted and text(browser, "[data-reason=echo]") == f"reason: {wanted}"
        else:  # messages are shown as turns
            assert text(browser, "#completion .text") == "<script>window.seen.push('ran')</script>"
    assert seen(browser) == []


def test_searching_for_markup_finds_it(browser, page):
    open_page(browser, page)
    set_filter(browser, "q", "<iframe srcdoc")
    assert text(browser, "#found").startswith("2 of 40 completions") and seen(browser) == []


def test_the_policy_of_the_page_allows_its_own_script_alone(browser, page):
    open_page(browser, page)
    policy = browser.execute_script("return document.querySelector('meta[http-equiv]').content")
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe" not in policy and "connect-src" not in policy
    tried = browser.execute_async_script(
        """
        const done = arguments[0];
        const script = document.createElement('script');
        script.textContent = "window.seen.push('ran')";
        document.body.append(script);
        setTimeout(() => {  // what the driver runs by itself may evaluate; a page's own task may not
          let evaluated = 'refused';
          try { (0, eval)('1'); evaluated = 'ran'; } catch { }
          fetch('https://evil.example').then(() => done([evaluated, 'fetched']), () => done([evaluated, 'refused']));
        });
        """
    )
    assert tried == ["refused", "refused"] and "ran" not in seen(browser)
