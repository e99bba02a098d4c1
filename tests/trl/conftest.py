import os

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # rollout_func, with which these tests script completions
