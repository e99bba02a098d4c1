"""The files for several nodes: two launchers on this machine, with the rewards in a third process that serves them."""

import os
import re
import subprocess
import sys
import time
from collections import Counter

import httpx
import pyarrow.parquet as pq
import pytest
import yaml

pytest.importorskip("trl")
pytest.importorskip("fastapi", reason="needs the extra serve")

from tests.free_ports import free_port
from tests.recipes import launch

ACCELERATE = launch.ROOT / "recipes/accelerate"


@pytest.mark.torchrun
def test_two_nodes_train_on_rewards_that_a_third_serves(tmp_path):
    served, port = free_port(), free_port()
    rubric = (launch.ROOT / "recipes/rubrics/arithmetic_remote.yaml").read_text()
    (tmp_path / "rubric.yaml").write_text(rubric.replace("127.0.0.1:8000", f"127.0.0.1:{served}"))
    file = launch.config("grpo", tmp_path, max_steps=2, rubric=str(tmp_path / "rubric.yaml"))
    serve = [sys.executable, "-m", "rl_rewards", "serve", "recipes/rubrics/arithmetic_served.yaml", "--port", str(served)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(serve, cwd=launch.ROOT, env=environment, stderr=subprocess.PIPE, text=True) as server:
        try:
            deadline = time.monotonic() + 600
            while not answers(f"http://127.0.0.1:{served}/readyz"):
                assert server.poll() is None and time.monotonic() < deadline
                time.sleep(0.1)
            options = ("--config_file", str(ACCELERATE / "multi_node.yaml"), "--num_machines", "2", "--num_processes", "2", "--mixed_precision", "no")
            address = ("--main_process_ip", "127.0.0.1", "--main_process_port", str(port))
            nodes = [
                subprocess.Popen(
                    launch.command("grpo", file, *options, *address, "--machine_rank", str(rank)),
                    cwd=launch.ROOT,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                for rank in (0, 1)
            ]
            printed = [node.communicate()[0] for node in nodes]
        finally:
            server.terminate()
            server.communicate()
    assert [node.returncode for node in nodes] == [0, 0], printed
    found = Counter((row["rank"], row["reward"], row["outcome"]) for row in pq.read_table(tmp_path / "out" / "rewards.parquet").to_pylist())
    assert found == {(rank, reward, "scored"): 16 for rank in (0, 1) for reward in ("correct", "format", "length")}


def answers(url):
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(("several", "one"), [("multi_node", "multi_gpu"), ("multi_node_fsdp", "fsdp")])
def test_the_files_for_several_nodes_are_those_for_one_but_for_the_numbers(several, one):
    from accelerate.commands.config.config_args import load_config_from_file

    assert load_config_from_file(str(ACCELERATE / f"{several}.yaml")).num_machines == 2  # it refuses unknown keys
    settings, expected = (yaml.safe_load((ACCELERATE / f"{name}.yaml").read_text()) for name in (several, one))
    assert settings == {**expected, "num_machines": 2, "num_processes": 16, "main_process_port": 29500}


def test_the_slurm_file_is_bash_and_gives_the_trainers_the_key_and_the_node_of_the_rewards(tmp_path):
    script = launch.ROOT / "recipes/slurm/train.sbatch"
    assert subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True).stderr == ""
    edit = re.search(r"^sed .*> \"\$OUT/job_rubric.yaml\"$", script.read_text(), re.MULTILINE)
    environment = {**os.environ, "REWARDS": "node7", "RUBRIC": "recipes/rubrics/arithmetic_remote.yaml", "OUT": str(tmp_path)}
    subprocess.run(["bash", "-c", edit.group()], cwd=launch.ROOT, env=environment, check=True)
    scores = [reward["score"] for reward in yaml.safe_load((tmp_path / "job_rubric.yaml").read_text())["rewards"]]
    assert [score["http"]["url"] for score in scores[:2]] == [f"http://node7:8000/v1/score?reward={name}" for name in ("correct", "format")]
    assert all(score["http"]["api_key_env"] == "RL_REWARDS_API_KEYS" for score in scores[:2])
