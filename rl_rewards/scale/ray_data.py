"""Blocks scored on Ray Data: rules in tasks, models in pools of actors, calls of servers in one actor.

What travels between processes is small: a block's place, what rewards scored elsewhere came to, and its counts; rows are read where they are
scored and written from there, so data and output must be on storage that every node sees. A block that is lost with its process or node is
scored again, from the same rows, and committed once (see `directory`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import socket
from collections.abc import Iterable, Iterator
from typing import Any, Self

from rl_rewards.scale.committing import Committing
from rl_rewards.scale.engines import Advance, Engine
from rl_rewards.scale.gathering import GroupScoring
from rl_rewards.scale.ray_work import ModelActor, answer, score_part
from rl_rewards.scale.splitting import Split
from rl_rewards.tables.blocks import Block
from rl_rewards.user_errors import UserError, require

__all__ = ["RayEngine", "RayError"]

_CONNECT_SECONDS = 10.0
_OBJECT_STORE = 200 << 20
"""Bytes of shared memory of a Ray that is started here: what travels is small."""


class RayError(UserError, RuntimeError):
    """A cluster that cannot be reached or used, or a block that is lost each time."""


class RayEngine(Engine):
    """Ray Data, on a cluster or started here.

    Args:
        split: where the rubric's rewards are scored.
        address: the cluster's `host:port`, or `auto`; None for the one of RAY_ADDRESS, else for one that is started here and ended after.
        cpus: CPUs of a Ray that is started here; None for the machine's.
        actors: processes that hold the models; None for the cluster's GPUs, or one without any.

    Raises:
        MissingPackageError: when Ray is not installed.
        RayError: when a reward depends on the rows that came before it, or no cluster is there.
    """

    def __init__(self, split: Split, address: str | None = None, cpus: int | None = None, actors: int | None = None) -> None:
        require("--engine ray", "ray")
        if split.ordered:
            raise RayError(
                f"reward {split.ordered[0]!r} depends on the rows that came before, and Ray scores blocks in any order: use --engine local"
            )
        self._split, self._address, self._cpus, self._actors = split, address, cpus, actors

    def __enter__(self) -> Self:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody
        import ray

        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        _check_answers(self._address or os.environ.get("RAY_ADDRESS"))
        self._owns = not ray.is_initialized()
        if not self._owns:
            _check_connected(self._address, ray.get_runtime_context().gcs_address)
            return self
        quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        here = self._address is None and not os.environ.get("RAY_ADDRESS")
        try:
            if here:
                ray.init(address="local", num_cpus=self._cpus, include_dashboard=False, object_store_memory=_OBJECT_STORE, **quiet)
            else:
                ray.init(address=self._address, **quiet)
        except Exception as error:  # ConnectionError, ValueError, RuntimeError, and more of gRPC's
            where = "a Ray of its own could not be started" if here else f"no Ray cluster at {self._address or os.environ['RAY_ADDRESS']!r}"
            raise RayError(f"{where}: {' '.join(str(error).split())[:300]}") from error
        return self

    def __exit__(self, *exception: object) -> None:
        if self._owns:
            import ray

            with contextlib.suppress(Exception):
                ray.shutdown()

    def map(self, work: Any, blocks: Iterable[Block], advance: Advance) -> Iterator[Any]:
        """What `work` makes of each block, as blocks are done, in any order."""
        blocks = list(blocks)
        if not blocks:
            return
        import ray
        from ray.exceptions import RayError as RayFailure

        self._check_nodes(work)
        sizes = {block.index: block.size for block in blocks}
        data = ray.data.from_items([{"block": pickle.dumps(block)} for block in blocks], override_num_blocks=len(blocks))
        for stage in self._stages(work):
            data = data.map(**stage)
        try:
            for row in data.iter_rows():
                index, result = _answer(row)
                advance(sizes[index])
                yield result
        except RayFailure as error:
            raise RayError(f"Ray gave up: {' '.join(str(error).split())[:500]}") from error

    def _stages(self, work: Any) -> Iterator[dict[str, Any]]:
        """The arguments of each `Dataset.map` that a block goes through."""
        import ray

        packed = pickle.dumps(work, pickle.HIGHEST_PROTOCOL)
        split, actors = self._split, self._model_actors()
        scored = work.names if isinstance(work, (Committing, GroupScoring)) else ()
        rules, models, servers = (tuple(name for name in names if name in scored) for names in (split.rules, split.models, split.servers))
        pools = ((models, actors, 1 if self._gpus() else 0), (servers, 1, 0))
        pools = [pool for pool in pools if pool[0]]
        task_cpus, actor_cpus = _shares(self._smallest_node(), sum(count for _, count, _ in pools))
        task = {"num_cpus": task_cpus}
        if pools and rules:
            yield {"fn": score_part, "fn_kwargs": {"work": packed, "names": rules}, **task}
        for names, count, gpus in pools:
            yield {
                "fn": ModelActor,
                "fn_constructor_kwargs": {"work": packed, "names": names},
                "compute": ray.data.ActorPoolStrategy(size=count),
                "num_cpus": actor_cpus,
                "num_gpus": gpus or None,
            }
        yield {"fn": answer, "fn_kwargs": {"work": packed}, **task}

    def _gpus(self) -> int:
        import ray

        return int(ray.cluster_resources().get("GPU", 0))

    def _model_actors(self) -> int:
        return self._actors or max(1, self._gpus())

    def _smallest_node(self) -> float:
        """CPUs of the smallest node that has any."""
        import ray

        found = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
        if not any(found):
            raise RayError("the cluster has no CPU: tasks that read and write need some")
        return min(cpus for cpus in found if cpus)

    def _check_nodes(self, work: Any) -> None:
        """Check that every node has the package, the data and the directory.

        Raises:
            RayError: naming the node, and what it lacks.
        """
        import ray
        from ray.exceptions import RayError as RayFailure
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        from rl_rewards.scale.ray_work import missing_here

        nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        if len(nodes) < 2:
            return
        paths = [os.path.abspath(path) for path in _paths(work)]
        check = ray.remote(missing_here)
        asked = {
            node["NodeManagerAddress"]: check.options(
                num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(paths)
            for node in nodes
        }
        for address, future in asked.items():
            try:
                missing = ray.get(future)
            except RayFailure as error:
                raise RayError(f"node {address} cannot run rl_rewards: {' '.join(str(error).split())[-300:]}") from error
            if missing:
                raise RayError(f"node {address} does not see {missing[0]}: data and output must be on storage that every node sees")


def _check_answers(address: str | None) -> None:
    """Check that somebody listens at a cluster's `host:port`: Ray itself tries for minutes.

    Raises:
        RayError: when nobody does.
    """
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not colon or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise RayError(f"no Ray cluster at {address!r}: {error}; `ray start --head` prints its address") from None


def _check_connected(address: str | None, connected: str) -> None:
    """Check that a process that has a cluster already is not asked for another one.

    Raises:
        RayError: when it is.
    """
    if address is not None and ":" in address and "://" not in address and address != connected:
        raise RayError(f"this process is connected to the Ray cluster at {connected!r}, and address names {address!r}; call ray.shutdown() first")


def _shares(cpus: float, actors: int) -> tuple[float, float]:
    """CPUs of a task and of an actor, so that all actors and a task fit on one node: a pool that takes every slot makes no progress.

    Args:
        cpus: of the smallest node.
        actors: in all pools together.
    """
    if not actors:
        return min(1.0, cpus), 0.0
    return min(1.0, cpus / 2), round(min(0.9, cpus / 2 / actors), 4)


def _paths(work: Any) -> list[str]:
    named = [work.source.name] if os.path.exists(work.source.name) else []
    commits = work.commits if isinstance(work, (Committing, GroupScoring)) else None
    return [*named, *([] if commits is None else [os.fspath(commits.path)])]


def _answer(row: dict[str, Any]) -> tuple[int, Any]:
    """A block's place and result.

    Raises:
        Exception: what scoring it raised.
    """
    error = row.get("error")
    if error is None:
        return row["index"], pickle.loads(row["result"])
    raised, text = pickle.loads(error)
    raise raised if isinstance(raised, UserError) else RayError(f"a block failed: {raised}") from RuntimeError(text)
