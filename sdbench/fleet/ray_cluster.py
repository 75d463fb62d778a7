"""A Ray cluster: what it has, and one actor for each GPU. Ray is imported in functions only.

Ray's defaults are those of a service that is to go on: it restarts what crashed, shares GPUs, waits
for nodes that may never come, and prints what workers print. A benchmark wants none of it, so each
of these defaults is set here.
"""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from sdbench import __version__
from sdbench.errors import SdbenchError
from sdbench.fleet.inventory import FleetGpu
from sdbench.fleet.ray_worker import GpuWorker

EXTRA = 'pip install "sdbench[ray]"'

_ANSWER_TIMEOUT_S = 60.0
"""For a process on a node to start and answer. Longer, and its GPU is in other hands."""

_CONNECT_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 40.0
_NODE_DEATH_S = 90.0
"""Ray's own health checks take half a minute to tell that a node is dead; until then an actor on it
is said to be unavailable."""

_ACTOR_DEATH_S = 5.0
"""That an actor died is told by its node; where that died too, both are known at about one time."""

_LOOK_INTERVAL_S = 0.2


class NoRay(SdbenchError):
    """Ray is not installed, or no cluster answers."""


class NodeUnfit(SdbenchError):
    """A node cannot measure; the message names its address."""


class Infeasible(SdbenchError):
    """The cluster has not what is asked for; the message says what it has."""


@dataclass(frozen=True, slots=True)
class Node:
    """A living node with GPUs.

    Attributes:
        id: Ray's name for it.
        words: Its address; with the beginning of its id where several nodes share an address.
        gpu_count: Whole GPUs that Ray counts on it.
    """

    id: str
    words: str
    gpu_count: int


@dataclass(slots=True)
class _Seat:
    node: Node
    actor: Any
    gpu: FleetGpu | None = None
    is_given_back: bool = False


class RayCluster:
    """A connection to a cluster, with a seat for each GPU that answers.

    Args:
        address: ``auto``, ``ray://host:port``, or ``host:port``.

    Attributes:
        notes: What was left aside, and why.

    Raises:
        NoRay: Ray is not installed, or no cluster answers.
    """

    def __init__(self, address: str) -> None:
        try:
            import ray
        except ImportError:
            raise NoRay(f"--ray needs Ray: {EXTRA}") from None
        self._ray: Any = ray
        self._seats: list[_Seat] = []
        self._asked: dict[Any, int] = {}
        self.notes: list[str] = []
        _require_listener(address)
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except Exception as error:  # Ray raises ImportError, RuntimeError and ConnectionError
            first, *_ = str(error).strip().splitlines() or [type(error).__name__]
            raise NoRay(f"no Ray cluster can be used at {address}: {first}") from None

    def __enter__(self) -> RayCluster:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends what runs on the nodes, and gives the GPUs back."""
        try:
            held = [seat for seat in self._seats if not seat.is_given_back]
            stops = [seat.actor.stop.remote() for seat in held]
            if stops:
                self._ray.wait(stops, num_returns=len(stops), timeout=_STOP_TIMEOUT_S)
            for seat in held:
                self._ray.kill(seat.actor)
        finally:
            self._ray.shutdown()

    def nodes(self) -> tuple[Node, ...]:
        """Living nodes with GPUs.

        Raises:
            Infeasible: There is none.
        """
        alive = [node for node in self._ray.nodes() if node["Alive"]]
        shared = Counter(node["NodeManagerAddress"] for node in alive)
        found = tuple(
            Node(
                node["NodeID"],
                address if shared[address] == 1 else f"{address} ({node['NodeID'][:8]})",
                int(node["Resources"]["GPU"]),
            )
            for node in alive
            if node["Resources"].get("GPU", 0) >= 1
            for address in [node["NodeManagerAddress"]]
        )
        if not found:
            listed = ", ".join(sorted(shared)) or "none"
            raise Infeasible(
                f"no node of the cluster has a GPU that Ray knows of (living nodes: {listed}): "
                "start nodes with `ray start --num-gpus N`"
            )
        return found

    def require_sdbench(self, nodes: Sequence[Node]) -> None:
        """Refuses a cluster with a node on which this version of sdbench is not installed.

        Raises:
            NodeUnfit: There is one.
        """

        # A function within a function travels by its code: the node need not have sdbench.
        def installed() -> dict[str, str]:
            import sys

            try:
                import sdbench
            except ImportError as error:
                return {"status": "absent", "reason": str(error), "python": sys.executable}
            return {"status": "ok", "version": sdbench.__version__, "python": sys.executable}

        ask = self._ray.remote(installed)
        asked = {
            ask.options(
                num_cpus=0, max_retries=0, scheduling_strategy=self._on(node)
            ).remote(): node
            for node in nodes
        }
        self._ray.wait(list(asked), num_returns=len(asked), timeout=_ANSWER_TIMEOUT_S)
        for ref, node in asked.items():
            answer = self._answer(ref)
            if answer is None:
                raise NodeUnfit(f"node {node.words} did not answer in {_ANSWER_TIMEOUT_S:g} s")
            if answer["status"] == "gone":
                raise NodeUnfit(f"node {node.words} cannot be asked: {answer['reason']}")
            if answer["status"] == "absent":
                raise NodeUnfit(
                    f"node {node.words} has no sdbench in {answer['python']} "
                    f"({answer['reason']}): install sdbench {__version__} there"
                )
            if answer["version"] != __version__:
                raise NodeUnfit(
                    f"node {node.words} has sdbench {answer['version']}, and this is "
                    f"{__version__}: install the same version on every node"
                )

    def seat_all(self, nodes: Sequence[Node], script: bytes | None) -> tuple[FleetGpu, ...]:
        """Has an actor hold each GPU of these nodes, and probe it; seats are numbered as returned.

        Args:
            nodes: Where.
            script: The script of a scripted device, which stands for every GPU; or None.

        Raises:
            Infeasible: No GPU answers.
        """
        worker = self._ray.remote(GpuWorker)
        seats = [
            _Seat(
                node,
                worker.options(
                    num_gpus=1,
                    num_cpus=0,
                    max_restarts=0,
                    max_task_retries=0,
                    max_concurrency=1,
                    scheduling_strategy=self._on(node),
                ).remote(node.words, script),
            )
            for node in nodes
            for _ in range(node.gpu_count)
        ]
        probes = [seat.actor.probe.remote() for seat in seats]
        self._ray.wait(probes, num_returns=len(probes), timeout=_ANSWER_TIMEOUT_S)
        for seat, probe in zip(seats, probes, strict=True):
            answer = self._answer(probe)
            if answer is not None and answer["status"] == "ok":
                seat.gpu = FleetGpu(**answer["gpu"])
                self._seats.append(seat)
                continue
            why = "other work holds it" if answer is None else answer["reason"]
            self.notes.append(f"{seat.node.words}: a GPU is left out, {why}")
            self._ray.kill(seat.actor)
        if not self._seats:
            raise Infeasible(f"no GPU of the cluster can be had: {'; '.join(self.notes)}")
        return tuple(seat.gpu for seat in self._seats if seat.gpu is not None)

    def keep(self, wanted: Iterable[int]) -> None:
        """Gives all GPUs back but those of these seats, whose numbers stay."""
        kept = set(wanted)
        for number, seat in enumerate(self._seats):
            if number not in kept:
                self._ray.kill(seat.actor)
                seat.is_given_back = True

    def where(self, seat: int) -> str:
        """Address of a seat's node."""
        return self._seats[seat].node.words

    def start(self, seat: int, job: Mapping[str, Any]) -> None:
        """Has a seat begin a shard."""
        self._asked[self._seats[seat].actor.start.remote(dict(job))] = seat

    def poll(self, seat: int) -> None:
        """Asks a seat what is new."""
        self._asked[self._seats[seat].actor.poll.remote()] = seat

    def next_answer(self) -> tuple[int, Mapping[str, Any]]:
        """Waits for an answer of any seat that was asked; see `sdbench.fleet.ray_loop.Seats`."""
        ready, _ = self._ray.wait(list(self._asked), num_returns=1)
        seat = self._asked.pop(ready[0])
        answer = self._answer(ready[0])
        assert answer is not None
        if answer["status"] == "gone":
            is_dead = self._is_dead(self._seats[seat].node, answer["within_s"])
            return seat, {**answer, "is_node_dead": is_dead}
        return seat, answer

    def _answer(self, ref: Any) -> Mapping[str, Any] | None:
        """What came, ``gone`` where nothing can come any more, None where it has not come yet."""
        ready, _ = self._ray.wait([ref], timeout=0)
        if not ready:
            return None
        try:
            answer: Mapping[str, Any] = self._ray.get(ref)
        except self._ray.exceptions.ActorDiedError:
            reason = "the process that held the GPU died"
            return {"status": "gone", "reason": reason, "within_s": _ACTOR_DEATH_S}
        except self._ray.exceptions.ActorUnavailableError:
            reason = "the process that held the GPU does not answer any more"
            return {"status": "gone", "reason": reason, "within_s": _NODE_DEATH_S}
        except self._ray.exceptions.RayError as error:
            first, *_ = str(error).strip().splitlines() or [type(error).__name__]
            return {"status": "gone", "reason": first, "within_s": _ACTOR_DEATH_S}
        return answer

    def _is_dead(self, node: Node, within_s: float) -> bool:
        """Whether Ray tells that a node is dead, now or soon."""
        until = time.monotonic() + within_s
        while True:
            if not any(one["NodeID"] == node.id and one["Alive"] for one in self._ray.nodes()):
                return True
            if time.monotonic() > until:
                return False
            time.sleep(_LOOK_INTERVAL_S)

    def _on(self, node: Node) -> Any:
        """A strategy: on this node, or not at all."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return NodeAffinitySchedulingStrategy(node_id=node.id, soft=False)


def _require_listener(address: str) -> None:
    """Refuses a host and port at which nobody listens: Ray would wait for minutes.

    Raises:
        NoRay: Nobody does.
    """
    host, _, port = address.removeprefix("ray://").partition("/")[0].rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise NoRay(f"no Ray cluster can be used at {address}: {error}") from None
