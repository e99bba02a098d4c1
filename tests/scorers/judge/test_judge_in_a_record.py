"""What a run's record keeps of a judge: its model, the digest of its prompt, tokens and cost of every row."""

import json

import pyarrow.parquet as pq

from rl_rewards import Reward, Rubric, Sample
from rl_rewards.evaluation.context import BatchContext
from rl_rewards.recording import RunRecorder, read_record


def rubric(url, **options):
    model = {"name": "judge-7b", "base_url": url, "price": {"prompt": 1.0, "completion": 2.0}}
    criteria = [{"name": "kind", "description": "Is it kind?"}]
    return Rubric([Reward("judged", {"judge": {"model": model, "criteria": criteria, **options}}), Reward("said", {"string_match": "x"})])


def test_the_record_names_model_and_prompt_and_counts_tokens_and_cost(chat_server, tmp_path):
    made = rubric(chat_server.url())
    recorder = RunRecorder(tmp_path, made)
    recorder.record(BatchContext(1, 0, True), made.evaluate([Sample.from_row({"prompt": "?", "completion": "a good answer"})]))
    recorder.finish()
    kept = json.loads(pq.read_metadata(recorder.parquet).metadata[b"rl_rewards.scorers"])
    assert kept["judged"]["model"]["name"] == "judge-7b" and kept["judged"]["model"]["temperature"] == 0.0
    assert len(kept["judged"]["prompt_sha256"]) == 64 and list(kept) == ["judged"]
    components = {part["name"]: part["score"] for part in read_record(tmp_path).table().to_pylist()[0]["components"]}
    assert components["kind"] == 1.0 and components["prompt_tokens"] == 100.0 and components["cost"] == (100 * 1.0 + 10 * 2.0) / 1e6


def test_another_prompt_has_another_digest(chat_server):
    url = chat_server.url()
    plain, strict, sure = (rubric(url, **options)["judged"].score.provenance for options in ({}, {"instructions": "Be strict."}, {"show": ["hint"]}))
    assert len({plain["prompt_sha256"], strict["prompt_sha256"], sure["prompt_sha256"]}) == 3
    assert plain == rubric(url)["judged"].score.provenance


def test_a_rows_seconds_are_those_of_its_calls_and_not_of_the_wait_for_its_turn(chat_server):
    model = {"name": "judge-7b", "base_url": chat_server.url("ok,delay=0.05"), "concurrency": 1}
    judged = Rubric([Reward("judged", {"judge": {"model": model, "criteria": [{"name": "kind", "description": "Is it kind?"}]}})])
    rows = [Sample.from_row({"prompt": "?", "completion": text}) for text in ("good one", "good two", "good three", ":", "good one")]
    column = judged.evaluate(rows).columns["judged"]
    *first, unasked, again = (result.seconds for result in column.results)
    assert all(own >= 0.05 for own in first) and unasked == again == 0.0  # nothing to judge; the same request as the first
    assert sum(first) <= column.seconds
