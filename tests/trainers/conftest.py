import os

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # rollout_func, with which these tests script completions


def pytest_configure(config):
    config.addinivalue_line("markers", "torchrun: starts processes of its own with torchrun (gloo, CPU), seconds each")
