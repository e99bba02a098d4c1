"""The page, in a real headless Chromium."""

import json

import pytest

pytestmark = pytest.mark.slow

HOSTILE = [
    "<script>document.title='run'</script>",
    "<img src=x onerror=\"document.title='run'\">",
    "</pre><svg onload=document.title='run'>",
    "<iframe srcdoc='<script>parent.document.title=1</script>'></iframe>",
    "{{constructor.constructor('return 1')()}}",
]


@pytest.fixture
def page(browser, sums):
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(sums.url + "/")
    WebDriverWait(browser, 300).until(lambda driver: driver.find_elements("css selector", "#rubric option"))
    return browser


def score(page, row):
    from selenium.webdriver.support.ui import WebDriverWait

    page.execute_script("document.getElementById('sample').value = arguments[0]; document.getElementById('total').textContent = ''", json.dumps(row))
    page.find_element("id", "score").click()
    WebDriverWait(page, 300).until(lambda driver: driver.find_element("id", "total").text or driver.find_element("id", "error").text)
    return page.find_element("id", "total").text


def test_a_conversation_is_scored_and_its_parsed_part_is_marked(page):
    text = "40 and 2 make <answer>42</answer>"
    assert score(page, {"prompt": "?", "completion": text, "answer": "42"}) == "Total: 1.5"
    rows = [[cell.text for cell in row.find_elements("tag name", "td")] for row in page.find_elements("css selector", "#rewards tbody tr")]
    assert rows[0] == ["correct", "1", "1", "scored", "42", "-"] and rows[1][:2] == ["brief", "1"]
    assert [mark.text for mark in page.find_elements("css selector", "#response mark")] == ["42"]
    assert page.find_element("id", "response").text == text


@pytest.mark.parametrize("text", HOSTILE)
def test_no_markup_of_a_completion_runs(page, text):
    title = page.title
    score(page, {"prompt": "?", "completion": f"<answer>{text}</answer>", "answer": "42"})
    assert page.title == title and page.find_element("id", "response").text == f"<answer>{text}</answer>"
    assert not page.find_elements("css selector", "#response script, #response img, #response svg, #response iframe, #rewards img")


def test_a_wrong_row_shows_what_is_wrong_and_where_and_no_earlier_result(page):
    score(page, {"prompt": "?", "completion": "<answer>42</answer>", "answer": "42"})
    assert page.find_element("id", "rewards").is_displayed()
    score(page, {"prompt": "?"})
    assert page.find_element("id", "error").text.startswith("422: /samples/0: no response in this row")
    shown = [page.find_element("id", name) for name in ("total", "rewards", "response-title", "response")]
    assert "".join(part.text for part in shown) == ""


def test_a_row_without_a_score_says_which_reward_failed(page):
    assert score(page, {"prompt": "?", "completion": "<answer>42</answer>"}) == "No score: correct failed."


def test_a_samples_file_is_opened_and_its_rows_can_be_chosen(page, tmp_path):
    rows = [{"prompt": "?", "completion": f"<answer>{i}</answer>", "answer": "2"} for i in range(3)]
    path = tmp_path / "samples.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    page.find_element("id", "file").send_keys(str(path))
    picker = page.find_element("id", "row")
    page.execute_script("arguments[0].value = 3; arguments[0].dispatchEvent(new Event('change'))", picker)
    assert json.loads(page.find_element("id", "sample").get_property("value")) == rows[2]
    assert page.find_element("id", "rows").text == "3"


def test_nothing_but_the_server_is_asked_and_the_console_is_clean(page):
    score(page, {"prompt": "?", "completion": "<answer>42</answer>", "answer": "42"})
    asked = page.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert asked and all(name.startswith(page.current_url) for name in asked)
    assert [
        entry
        for entry in page.get_log("browser")
        if entry["level"] == "SEVERE" and "favicon" not in entry["message"] and "422" not in entry["message"]
    ] == []
