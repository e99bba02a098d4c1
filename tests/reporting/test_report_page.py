"""The page in a real Chromium: every number is the record's, nothing leaves it, and it can be read and clicked."""

import json
import math
from collections import defaultdict

import numpy as np
import pyarrow.parquet as pq
import pytest
from made_records import record
from opened_page import draw_all, listed, open_page, requests, seen, set_filter, table, text, wait

from rl_rewards.reporting import write_report

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory):
    return record(tmp_path_factory.mktemp("page") / "sums")


@pytest.fixture(scope="module")
def page(run_directory):
    return write_report([run_directory], run_directory / "report.html")


@pytest.fixture(scope="module")
def rows(run_directory):
    return pq.read_table(run_directory / "rewards.parquet").to_pylist()


def completions(rows, mode="train"):
    """(step, index) -> the rows of its rewards."""
    found = defaultdict(list)
    for row in rows:
        if row["mode"] == mode:
            found[row["step"], row["index"]].append(row)
    return found


def totals(rows):
    """(step, index) -> total, of those that have one."""
    sums = {}
    for key, own in completions(rows).items():
        counted = [row["weight"] * row["score"] for row in own if row["weight"] and row["score"] is not None]
        if own[0]["scorable"] and counted:
            sums[key] = sum(counted)
    return sums


def number(value):
    return math.nan if value in ("", "–") else float(value)


def test_the_first_numbers_are_the_records(browser, page, rows):
    open_page(browser, page)
    total = totals(rows)
    groups = defaultdict(list)
    for (step, index), value in total.items():
        groups[step, completions(rows)[step, index][0]["group"]].append(value)
    useful = [values for values in groups.values() if max(values) > min(values)]
    by_step = [np.mean([value for (step, _), value in total.items() if step == wanted]) for wanted in (1, 4)]
    script = "return [...document.querySelectorAll('.tile')].map((tile) => [tile.dataset.measure, tile.querySelector('dd').dataset.value])"
    tiles = {name: float(value) for name, value in browser.execute_script(script)}
    assert tiles == pytest.approx(
        {
            "completions": 48, "steps": 4, "groups": 12, "mean": np.mean(list(total.values())), "start": by_step[0], "end": by_step[1],
            "useful groups": len(useful) / len(groups), "effective reward": np.mean([np.mean(values) for values in useful]),
            "unparsed rate": np.mean([any(row["outcome"] == "unparsed" for row in own) for own in completions(rows).values()]),
            "failures": sum(any(row["failed"] for row in own) for own in completions(rows).values()),
        }
    )  # fmt: skip
    assert "48 completions to 3 prompts, scored over 4 steps." in text(browser, ".lead")


def test_the_table_of_scores_is_the_records(browser, page, rows):
    open_page(browser, page)
    found = table(browser, "table.scores")
    assert list(found) == ["correct", "graded", "metric", "total"]
    for name in ("correct", "graded", "metric"):
        scores = [row["score"] for row in rows if row["mode"] == "train" and row["reward"] == name and row["score"] is not None]
        start, end = (
            np.mean(
                [
                    row["score"]
                    for row in rows
                    if row["mode"] == "train" and row["reward"] == name and row["step"] == step and row["score"] is not None
                ]
            )
            for step in (1, 4)
        )
        shown = [number(found[name][head]) for head in ("mean", "p10", "p90", "start", "end", "change")]
        assert shown == pytest.approx([np.mean(scores), *np.quantile(scores, [0.1, 0.9]), start, end, end - start])
    assert [found[name]["weight"] for name in found] == ["1", "0.5", "metric", ""]
    assert sum(number(found[name]["variance share"]) for name in ("correct", "graded", "metric")) == pytest.approx(1)


def test_the_ledger_is_the_records_and_sums_to_the_rows(browser, page, rows):
    open_page(browser, page)
    for place, mode in ((0, "train"), (1, "eval")):
        found = table(browser, f"#ledger .scroll:nth-of-type({place + 1}) table.ledger")
        for name, counts in found.items():
            own = [row for row in rows if row["mode"] == mode and row["reward"] == name]
            counts = {kind: int(value) for kind, value in counts.items() if kind in ("rows", "scored", "unparsed", "skipped", "failed", "left out")}
            assert counts["rows"] == len(own) == sum(count for kind, count in counts.items() if kind != "rows")
            assert counts["failed"] == sum(row["failed"] for row in own) and counts["skipped"] == sum(row["outcome"] == "skipped" for row in own)
            assert counts["left out"] == sum(not row["scorable"] and not row["failed"] and row["outcome"] != "skipped" for row in own)
            assert counts["unparsed"] == sum(row["scorable"] and row["outcome"] == "unparsed" for row in own)


def test_a_charts_numbers_are_the_records(browser, page, rows):
    open_page(browser, page)
    browser.execute_script("document.querySelector('[data-table=score-1]').open = true")
    wait(browser, lambda: text(browser, "[data-table=score-1] tbody"))
    script = "return [...document.querySelectorAll('[data-table=score-1] tbody tr')].map((row) => [...row.cells].map((cell) => cell.dataset.value ?? cell.textContent))"
    for _, step, mean, low, high, count in browser.execute_script(script):
        scores = [row["score"] for row in rows if row["mode"] == "train" and row["reward"] == "correct" and row["step"] == int(step)]
        assert [float(mean), float(low), float(high), int(count)] == pytest.approx([np.mean(scores), *np.quantile(scores, [0.1, 0.9]), 12], rel=1e-5)


def test_every_chart_is_drawn_and_nothing_leaves_the_page(browser, page):
    open_page(browser, page)
    draw_all(browser)
    figures, drawn = browser.execute_script(
        "return [document.querySelectorAll('[data-figure]').length, document.querySelectorAll('[data-figure] canvas').length]"
    )
    assert figures == drawn > 15 and seen(browser) == []
    assert [url for url in requests(browser) if not url.startswith(("file:", "about:"))] == []
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


def test_a_completion_is_shown_as_it_was_recorded(browser, page, rows):
    open_page(browser, page, "#row=train/2/0/3")
    own = {row["reward"]: row for row in rows if (row["mode"], row["step"], row["index"]) == ("train", 2, 3)}
    assert "step 2, completion 3" in text(browser, "#detail-title")
    assert text(browser, "#completion .text") == own["correct"]["completion"] and text(browser, "#completion mark") == "4"
    facts = dict(
        browser.execute_script("return [...document.querySelectorAll('[data-fact]')].map((chip) => [chip.dataset.fact, Number(chip.dataset.value)])")
    )
    assert facts["total"] == pytest.approx(totals(rows)[2, 3]) and facts["advantage"] == own["correct"]["advantage"]
    found = table(browser, "table.of-reward")
    for name, row in own.items():
        assert [float(found[name][head]) for head in ("weight", "score")] == [row["weight"], row["score"]] and found[name]["outcome"] == row[
            "outcome"
        ]
        reason = text(browser, f"[data-reason={name}]")
        assert reason == (None if row["reason"] is None else f"reason: {row['reason']}")
    assert float(found["letters"]["score"]) == own["graded"]["components"][0]["score"]
    members = browser.execute_script(
        "return [...document.querySelectorAll('.member')].map((card) => [card.dataset.row, [...card.querySelectorAll('dd')].map((each) => each.dataset.value ?? null)])"
    )
    assert [name for name, _ in members] == [f"train/2/0/{i}" for i in range(4)]
    for i, (_, numbers) in enumerate(members):
        assert float(numbers[0]) == pytest.approx(totals(rows)[2, i]) and float(numbers[1]) == completions(rows)[2, i][0]["advantage"]


def test_a_failure_is_shown_with_its_error(browser, page):
    open_page(browser, page, "#row=train/1/0/11")
    assert table(browser, "table.of-reward")["graded"]["outcome"] == "error" and "a failure of ours" in text(browser, "[data-reason=graded]")
    assert "left out: a weighted reward failed" in text(browser, ".facts")


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"step": "3", "until": "3", "mode": "train"}, lambda own: own[0]["mode"] == "train" and own[0]["step"] == 3),
        ({"mode": "eval"}, lambda own: own[0]["mode"] == "eval"),
        ({"outcome": "unparsed"}, lambda own: any(row["outcome"] == "unparsed" for row in own)),
        ({"outcome": "failed"}, lambda own: any(row["failed"] for row in own)),
        ({"outcome": "skipped", "reward": "correct"}, lambda own: False),
        ({"reward": "graded", "low": "0.5"}, lambda own: (own[1]["score"] or 0) >= 0.5),
        ({"reward": "correct", "high": "0"}, lambda own: own[0]["score"] == 0),
        ({"prompt": "3 + 1"}, lambda own: own[0]["prompt"] == "3 + 1?"),
        ({"q": "AND MORE"}, lambda own: "and more" in own[0]["completion"]),
        ({"q": "failure of ours"}, lambda own: "failure of ours" in (own[1]["reason"] or "")),
    ],
    ids=lambda value: "-".join(f"{key}={each}" for key, each in value.items()) if isinstance(value, dict) else "",
)
def test_filters_find_what_the_record_has(browser, page, rows, filters, wanted):
    open_page(browser, page)
    for name, value in filters.items():
        set_filter(browser, name, value)
    names = {f"{mode}/{step}/0/{index}" for mode in ("train", "eval") for (step, index), own in completions(rows, mode).items() if wanted(own)}
    assert text(browser, "#found").startswith(f"{len(names)} of 72 completions")
    assert set(listed(browser)) <= names and len(listed(browser)) == min(len(names), 50)


def test_the_groups_that_the_other_filters_leave_can_be_chosen(browser, page, rows):
    """A group's name is that of the record: mode, step, process, number."""
    groups = "return [...document.getElementById('filter-group').options].map((option) => [option.value, option.textContent])"
    open_page(browser, page)
    every = {f"{row['mode']}/{row['step']}/0/{row['group']}" for row in rows}
    assert {value for value, _ in browser.execute_script(groups)} == {"", *every}
    set_filter(browser, "step", "3")
    set_filter(browser, "outcome", "skipped")
    left = {f"{row['mode']}/{row['step']}/0/{row['group']}" for row in rows if row["step"] >= 3 and row["outcome"] == "skipped"}
    offered = dict(browser.execute_script(groups))
    assert set(offered) == {"", *left} and offered["train/3/0/1"] == "step 3, group 1: 3 + 1?" and "evaluation, step 4" in offered["eval/4/0/1"]
    set_filter(browser, "outcome", "")
    set_filter(browser, "group", "train/3/0/1")
    assert listed(browser) == [f"train/3/0/{i}" for i in range(4, 8)] and "group=train%2F3%2F0%2F1" in browser.current_url
    open_page(browser, page, "#group=train/4/0/2")
    assert listed(browser) == [f"train/4/0/{i}" for i in range(8, 12)]
    assert browser.execute_script("return document.getElementById('filter-group').value") == "train/4/0/2"
    browser.execute_script("[...document.querySelectorAll('#detail button')].find((each) => each.textContent === 'List this group alone').click()")
    assert len(listed(browser)) == 4
    set_filter(browser, "group", "")
    assert text(browser, "#found").startswith("72 of 72")


def test_the_largest_disagreement_comes_first(browser, page, rows):
    open_page(browser, page)
    set_filter(browser, "sort", "-disagreement")
    set_filter(browser, "a", "correct")
    set_filter(browser, "b", "graded")
    scores = {
        f"{mode}/{step}/0/{i}": [row["score"] for row in own] for mode in ("train", "eval") for (step, i), own in completions(rows, mode).items()
    }
    high = max(own[1] for own in scores.values() if own[1] is not None)
    differences = [abs(scores[name][0] - scores[name][1] / high) for name in listed(browser)]
    assert differences == sorted(differences, reverse=True) and len(differences) == 50
    best = max(abs(first - second / high) for first, second, _ in scores.values() if first is not None and second is not None)
    assert differences[0] == pytest.approx(best)


def test_a_link_to_a_row_and_its_filters_can_be_shared(browser, page):
    open_page(browser, page)
    set_filter(browser, "outcome", "unparsed")
    second = browser.find_elements("css selector", "#list a")[1]
    name = second.get_attribute("data-row")
    second.click()
    wait(browser, lambda: browser.execute_script("return document.activeElement.id") == "detail")
    address = browser.current_url
    assert f"row={name.replace('/', '%2F')}" in address and "outcome=unparsed" in address
    open_page(browser, page, "#" + address.partition("#")[2])
    assert text(browser, "#list a[aria-current] .line").startswith(("step", "evaluation")) and listed(browser)[1] == name
    assert browser.execute_script("return document.getElementById('filter-outcome').value") == "unparsed"


def test_a_row_that_is_not_here_is_said_to_be_missing(browser, page):
    open_page(browser, page, "#row=train/99/0/0")
    assert text(browser, "#detail") == "The page holds no completion train/99/0/0; the record has it if the run does."


def test_the_keyboard_goes_from_completion_to_completion(browser, page):
    from selenium.webdriver import ActionChains

    open_page(browser, page, "#row=train/1/0/0&mode=train")
    for key, row in (("j", "train%2F1%2F0%2F1"), ("j", "train%2F1%2F0%2F2"), ("k", "train%2F1%2F0%2F1")):
        ActionChains(browser).send_keys(key).perform()
        wait(browser, lambda row=row: f"row={row}" in browser.current_url)
    ActionChains(browser).send_keys("/").perform()
    wait(browser, lambda: browser.execute_script("return document.activeElement.id") == "filter-q")


def test_a_definition_appears_on_hover_and_on_focus(browser, page):
    open_page(browser, page)
    definition = text(browser, "#def-effective-reward")
    assert definition.startswith("Mean over the groups that carry a gradient")
    term = "document.querySelector('[data-measure=\"effective reward\"] .term')"
    browser.execute_script(f"{term}.focus()")
    assert browser.execute_script("const hint = document.getElementById('hint'); return [hint.hidden, hint.textContent]") == [False, definition]
    browser.execute_script("document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))")
    assert browser.execute_script("return document.getElementById('hint').hidden")
    browser.execute_script(f"{term}.dispatchEvent(new MouseEvent('mouseover', {{ bubbles: true }}))")
    assert not browser.execute_script("return document.getElementById('hint').hidden")
    dangling = "return [...document.querySelectorAll('[aria-describedby]')].filter((each) => !document.getElementById(each.getAttribute('aria-describedby'))).length"
    assert browser.execute_script(dangling) == 0


def test_the_theme_can_be_chosen_and_charts_follow(browser, page):
    open_page(browser, page)
    draw_all(browser)
    backgrounds = []
    for theme in ("dark", "light"):
        browser.execute_script(
            "const choice = document.getElementById('theme'); choice.value = arguments[0]; choice.dispatchEvent(new Event('change'))", theme
        )
        backgrounds.append(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
    redrawn = "return [...document.querySelectorAll('[data-drawn]')].every((place) => place.dataset.drawn === 'light')"
    wait(browser, lambda: browser.execute_script(redrawn))
    assert browser.execute_script(
        "return [...document.querySelectorAll('[data-drawn]')].map((place) => place.querySelectorAll('canvas').length)"
    ) == [1] * len(browser.find_elements("css selector", "[data-figure]"))
    assert backgrounds == ["rgb(17, 22, 29)", "rgb(255, 255, 255)"] and seen(browser) == []


def test_a_screen_reader_finds_its_way(browser, page):
    open_page(browser, page)
    draw_all(browser)
    unnamed = """
        const name = (each) => (each.getAttribute('aria-label') || document.getElementById(each.getAttribute('aria-labelledby'))?.textContent || each.labels?.[0]?.textContent || each.textContent || '').trim();
        return [...document.querySelectorAll('button, a, input, select, section, [role=img], [role=region], summary')].filter((each) => !name(each)).map((each) => each.outerHTML.slice(0, 200));
    """
    assert browser.execute_script(unnamed) == []
    assert browser.execute_script("return ['header', 'nav', 'main', 'h1'].map((name) => document.querySelectorAll(name).length)") == [1, 1, 1, 1]
    assert browser.execute_script("return document.documentElement.lang") == "en"
    ids = browser.execute_script("return [...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))
    levels = browser.execute_script("return [...document.querySelectorAll('h1, h2, h3, h4')].map((each) => Number(each.tagName[1]))")
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:]))


@pytest.mark.parametrize("width", [390, 1280])
def test_no_part_is_wider_than_the_window(browser, page, width):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    try:
        open_page(browser, page)
        draw_all(browser)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_several_runs_are_overlaid(browser, tmp_path):
    write_report([record(tmp_path / "a"), record(tmp_path / "b", steps=2, evaluations=(0,))], tmp_path / "two.html")
    open_page(browser, tmp_path / "two.html", "#row=2/train/1/0/0")
    assert text(browser, ".run-names") == "ab" and "b: step 1, completion 0" in text(browser, "#detail-title")
    draw_all(browser)
    assert seen(browser) == [] and {name.split("/")[0] for name in listed(browser)} <= {"1", "2"}
    found = table(browser, "#overview table")
    assert [found["completions"][name] for name in ("a", "b")] == ["48", "24"]
    set_filter(browser, "run", "2")
    assert text(browser, "#found").startswith("36 of 108")


def test_a_number_that_was_logged_once_is_a_point(browser, tmp_path):
    directory = record(tmp_path / "once", steps=2)
    history = [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.25}, {"step": 2, "train_runtime": 9.0}]
    (directory / "trainer_state.json").write_text(json.dumps({"log_history": history}))
    open_page(browser, write_report([directory], tmp_path / "once.html"))
    inked = """
        return ["loss", "train_runtime"].map((name) => {
          const [id] = Object.entries(charts.data.figures).find(([, figure]) => figure.title === name);
          const canvas = document.querySelector(`[data-figure=${id}] canvas`);
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const wanted = colourOf("--hue-0").match(/[0-9]+/g).map(Number);
          let count = 0;
          for (let i = 0; i < data.length; i += 4) count += wanted.every((each, channel) => Math.abs(data[i + channel] - each) < 12) && data[i + 3] > 200;
          return count;
        });
    """
    draw_all(browser)
    assert min(browser.execute_script(inked)) > 15 and seen(browser) == []


def test_a_scored_file_beside_a_run_has_no_part_in_the_curves(browser, tmp_path):
    row = {"prompt": "2 + 2?", "completion": "4", "score": 1.0, "scores": {"correct": 1.0, "only_here": 0.5}}
    (tmp_path / "scored.jsonl").write_text(json.dumps(row))
    write_report([record(tmp_path / "a"), tmp_path / "scored.jsonl"], tmp_path / "mixed.html")
    open_page(browser, tmp_path / "mixed.html")
    figures = browser.execute_script("return JSON.parse(document.getElementById('charts').textContent).figures")
    curves = [figure for figure in figures.values() if figure["form"] == "curve"]
    assert len(curves) > 3 and all(figure["series"] == ["a"] and min(figure["points"]["step"]) == 1 for figure in curves)
    draw_all(browser)
    assert seen(browser) == [] and text(browser, "#found").startswith("73 of 73")


def test_the_slowest_row_is_the_records_and_leads_to_its_completion(browser, page, rows):
    open_page(browser, page)
    slow = max(rows, key=lambda row: row["row_seconds"])
    first = browser.find_element("css selector", ".slowest tbody tr")
    assert float(first.find_element("css selector", ".number").get_attribute("data-value")) == slow["row_seconds"]
    browser.execute_script("arguments[0].click()", first.find_element("css selector", "a"))
    wait(browser, lambda: browser.execute_script("return document.querySelector('#list a[aria-current]')?.dataset.row") == name_of(slow))
    assert text(browser, "#detail-title").endswith(f"completion {slow['index']}")


def name_of(row):
    return f"{row['mode']}/{row['step']}/{row['rank']}/{row['index']}"
