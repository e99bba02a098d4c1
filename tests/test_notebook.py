"""What a rubric, an evaluation and a run's record show in a notebook: everything of them, and no markup of anybody's."""

from html.parser import HTMLParser

import pytest

from rl_rewards import Gate, Reward, Rubric, Sample, reward_function
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.notebook import bar, code, frame, number, table
from rl_rewards.recording import RunRecorder, read_record

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</td></table><svg onload=alert(1)>",
    '"><iframe srcdoc="<script>alert(1)</script>">',
    "' onmouseover='alert(1)",
    '" style="position:fixed;inset:0',
    "<style>*{display:none}</style>",
    "</style><script>alert(1)</script>",
    "<!-- <a href='javascript:alert(1)'>",
    "&lt;script&gt; &amp;",
    "\ud800 \x00 \u202e",
    "$\\href{javascript:alert(1)}{x}$",
]
ALLOWED = {
    **{tag: {"style", "title", "scope"} for tag in ("div", "table", "tr", "td", "th", "span", "details", "summary")},
    "thead": set(),
    "tbody": set(),
}


class Reader(HTMLParser):
    """Checks that HTML is well formed and has nothing but the tags and attributes above; collects its text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.texts, self.titles = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        assert tag in ALLOWED and {name for name, _ in attributes} <= ALLOWED[tag], (tag, attributes)
        for name, value in attributes:
            assert name != "style" or ("url" not in value and "fixed" not in value)
            if name == "title":
                self.titles.append(value)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def handle_comment(self, data):
        raise AssertionError(data)

    @property
    def text(self):
        return " ".join(self.texts)


@reward_function
def broken(response: str) -> float:
    raise ValueError(response)


def rubric(text="x"):
    return Rubric(
        [
            Reward("right", {"number_match": "answer"}, {"tag": "answer"}),
            Reward(
                "brief", {"length_window": {"min_tokens": 1, "max_tokens": 3, "unit": "words"}}, weight=0.25, gate=Gate("right", 0.5), clip=(0, 1)
            ),
            Reward("says", {"string_match": {"equals": text}}, weight=0),
        ]
    )


def test_a_rubric_shows_every_reward_in_the_words_of_a_file():
    page = Reader(rubric()._repr_html_())
    assert page.text.startswith("Rubric: 2 rewards, 1 metric")
    for text in ("right", "0.25", "metric", '{"tag": "answer"}', "length_window", 'gate: {"reward": "right"', "as a rubric file", "clip: [0.0, 1.0]"):
        assert text in page.text, text


def test_a_rubric_that_no_file_can_hold_is_shown_too():
    page = Reader(Rubric([Reward("own", reward_function(lambda response: 1.0))])._repr_html_())
    assert "own" in page.text and "as a rubric file" not in page.text


def test_an_evaluation_shows_scores_outcomes_and_reasons():
    own = Rubric([*rubric().rewards, Reward("broken", broken, weight=0)])
    texts = ["<answer>4</answer>", "four", "<answer>5</answer>"] * 4
    evaluation = own.evaluate([Sample("2 + 2?", text, text, {"answer": "4"}) for text in texts])
    page = Reader(evaluation._repr_html_())
    for text in ("Evaluation: 12 samples, mean total 0.417", "8 scored, 4 unparsed", "12 error", "0.000 unparsed", "the first 8 of 12 samples"):
        assert text in page.text, text
    assert any("'5' is not '4'" in title for title in page.titles) and any("ValueError" in title for title in page.titles)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_markup_of_anybody_is_markup(text, tmp_path):
    own = rubric(text.encode("utf-8", "replace").decode())
    Reader(own._repr_html_())
    given = [Sample(text, f"<answer>{text}</answer>", f"<answer>{text}</answer>", {"answer": "4"})]
    with_failure = Rubric([*own.rewards, Reward("broken", broken, weight=0)])
    Reader(with_failure.evaluate(given)._repr_html_())
    recorder = RunRecorder(tmp_path, own)
    recorder.begin(0, 0, 1, config={text.encode("utf-8", "replace").decode(): text.encode("utf-8", "replace").decode()})
    recorder.record(BatchContext(1, 0, True), own.evaluate(given))
    recorder.finish()
    Reader(read_record(tmp_path)._repr_html_())


def test_a_record_shows_how_each_reward_fared_and_what_made_it(tmp_path, monkeypatch):
    monkeypatch.setenv("JUDGE_API_KEY", "sk-not-to-be-shown-0123456789")
    recorder = RunRecorder(tmp_path / "sums", rubric())
    recorder.begin(0, 0, 1, config={"learning_rate": 1e-6, "note": "sk-not-to-be-shown-0123456789"})
    for step in (1, 2):
        right = [step == 2, step == 2, False, False]
        samples = [Sample("q", text, text, {"answer": "4"}) for text in (f"<answer>{4 if each else 5}</answer>" for each in right)]
        recorder.record(BatchContext(step, 0, True), recorder.rubric.evaluate(samples))
    recorder.finish()
    page = Reader(read_record(tmp_path / "sums")._repr_html_())
    for text in (
        "Run sums: 24 rows, 8 training completions in 2 steps",
        "+0.500",
        "learning_rate: 1e-06",
        "rl_rewards",
        "number_match",
        "all scored",
    ):
        assert text in page.text, text
    assert "sk-not" not in page.text and "8 of 8 rows" in page.titles


def test_a_record_without_training_rows_is_shown(tmp_path):
    recorder = RunRecorder(tmp_path, rubric())
    recorder.record(BatchContext(None, 0, True), recorder.rubric.evaluate([Sample("q", "4", "4", {"answer": "4"})]))
    recorder.finish()
    assert ": 3 rows, 0 training completions in 0 steps" in Reader(read_record(tmp_path)._repr_html_()).text


@pytest.mark.parametrize("value, shown", [(None, "–"), (float("nan"), "–"), (0.0, "0.000"), (0.5, "0.500"), (0.00123, "0.0012"), (-2.0, "-2.000")])
def test_numbers(value, shown):
    assert number(value) == shown


def test_long_text_is_cut_and_says_so():
    assert "1,000 more characters" in code("x" * 1400) and Reader(frame("t", table(["a", "b"], [["<", bar(2.0)]]))).text.count("<") == 1
