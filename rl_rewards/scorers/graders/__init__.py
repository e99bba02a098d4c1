"""Scorers that are OpenAI's graders, field for field: string_check, text_similarity, python_grader, score_model, label_model, endpoint_grader."""
