"""Data sets scored block by block: in one process, in several of this machine, or on Ray. What is written is the same from each."""

from rl_rewards.scale.engines import Engine, Here, Processes
from rl_rewards.scale.ray_data import RayEngine
from rl_rewards.scale.rubric_reference import RubricReference
from rl_rewards.scale.run import Run
from rl_rewards.scale.splitting import Split, split_of

__all__ = ["Engine", "Here", "Processes", "RayEngine", "RubricReference", "Run", "Split", "split_of"]
