"""Pieces of Vertex AI reward configs for tests."""

EXAMPLE = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [{"role": "user", "parts": [{"text": "What is the capital of France?"}]}],
    "references": {"answer": "Paris", "pattern": "P.*s", "sum": "1+1=2", "two": "a|b"},
}
ANS = "<ans>(.*?)</ans>"


def said(*texts, **others):
    return {"role": "model", "parts": [{"text": text} for text in texts], **others}


def string(operation, expression, name="r", correct=1.0, wrong=-1.0, extract=None, key=None):
    matched = {"matchOperation": operation, "expression": expression}
    form = {"stringMatchExpression": matched} if key is None else {"jsonMatchExpression": {"keyName": key, "valueStringMatchExpression": matched}}
    scorer = {"correctAnswerReward": correct, "wrongAnswerReward": wrong, **form}
    return {"rewardName": name, **parse(extract), "stringMatchRewardScorer": scorer}


def parse(extract):
    return {} if extract is None else {"parseResponseConfig": {"parseType": "REGEX_EXTRACT", "regexExtractExpression": extract}}


def code(body, name="r", extract=None):
    snippet = "def evaluate(example, response):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    return {"rewardName": name, **parse(extract), "codeExecutionRewardScorer": {"pythonCodeSnippet": snippet}}


def cloud_run(url, name="r", extract=None):
    return {"rewardName": name, **parse(extract), "cloudRunRewardScorer": {"cloudRunUri": url}}


MODEL = "projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash"


def rater(prompt="SAY:{{response}}:YAS", name="r", equals=None, extract=None, reply=None, **config):
    scorer = {"autoraterPrompt": prompt, "autoraterConfig": {"autoraterModel": MODEL, **config}}
    if reply is not None:
        scorer["autoraterResponseParseConfig"] = {"parseType": "REGEX_EXTRACT", "regexExtractExpression": reply}
    if equals is None:
        scorer["parsedResponseConversionScorer"] = {}
    else:
        scorer["exactMatchScorer"] = {"correctAnswerReward": 1.0, "wrongAnswerReward": -1.0, "expression": equals}
    return {"rewardName": name, **parse(extract), "autoraterScorer": scorer}


def composite(*weighted):
    return {"weightedRewardConfigs": [{"rewardConfig": config, "weight": weight} for config, weight in weighted]}
