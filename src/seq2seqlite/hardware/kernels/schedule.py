"""When a kernel computes what: each operation in a pipeline stage, with as few register bits as can be.

With the stage of a node and the stage in which it is last needed as variables, precedence, a clock's budget
and the life of a register are differences of two variables, and register bits are a linear cost. Such a
linear program has whole-numbered solutions: the minimum is exact (Leiserson and Saxe, Algorithmica 6, 1991).
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.hardware.kernels.graph import Graph, Kind, Node

__all__ = ["ADDED", "Schedule", "fewest_stages", "schedule"]

MULTIPLIER_REGISTERS = 2
"""Registers of a product, inside a DSP block: behind its multiplier, and behind the adder after it."""

ADDED = 2
"""Place among a product's operands of what is added behind it, a stage later."""

DELAYS = {
    Kind.INPUT: 0.0,
    Kind.CONSTANT: 0.0,
    Kind.BITS: 0.0,
    Kind.JOIN: 0.0,
    Kind.ADD: 1.0,
    Kind.ANY: 0.5,
    Kind.ABOVE: 0.5,
    Kind.BELOW: 0.6,
    Kind.CLIP: 0.4,
    Kind.MASK: 0.3,
}
"""Delay in levels: an adder of the usual width with the way to it. Products have stages of their own."""


@dataclass(frozen=True)
class Schedule:
    """Stages of a graph's nodes.

    Parameters
    ----------
    stages : int
        Number of stages; inputs are there at the beginning of stage 1, outputs in a register after the last.
    stage : tuple of int
        Stage in which each node is computed; 0 for constants, which are there always.
    last : tuple of int
        Stage in which it is needed last; the number of stages plus 1 for outputs.
    register_bits : int
        Bits of all registers between stages and at the end.
    """

    stages: int
    stage: tuple[int, ...]
    last: tuple[int, ...]
    register_bits: int


def fewest_stages(graph: Graph, levels_per_stage: float, near_users: int = 0, /) -> int:
    """Return the number of stages that a graph needs; parameters as those of :func:`schedule`."""
    earliest = np.ones(len(graph.nodes), np.int64)
    for (before, after), distance in sorted(
        _distances(graph, levels_per_stage, near_users).items(), key=lambda d: d[0][1]
    ):
        earliest[after] = max(earliest[after], earliest[before] + distance)
    # Wires may lie behind the last register.
    ends = [
        earliest[i] + (_registers(node) or int(DELAYS.get(node.kind, 1.0) > 0)) - 1
        for i, node in enumerate(graph.nodes)
    ]
    return int(max([*ends, 1]))


def schedule(graph: Graph, levels_per_stage: float, stages: int, near_users: int = 0, /) -> Schedule:
    """Place the nodes of a graph.

    Parameters
    ----------
    graph : Graph
        Graph.
    levels_per_stage : float
        What a clock has time for, in delays of an adder.
    stages : int
        Number of stages, at least :func:`fewest_stages`.
    near_users : int
        Users that an input or a sum, which the units share, reaches in the clock in which they compute; one
        that has more of them has a clock for the way alone. 0: all are near.

    Returns
    -------
    Schedule
        With the fewest register bits.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    n = len(graph.nodes)
    distances = _distances(graph, levels_per_stage, near_users)
    # Variables: stage of each node, then the stage in which it is needed last.
    pairs = [(before, after, distance) for (before, after), distance in distances.items()]
    pairs += [(after, n + before, later) for before, after, later in _edges(graph)]
    pairs += [(i, n + i, 0) for i in range(n)]
    before, after, distance = (np.array(column) for column in zip(*pairs, strict=True))
    rows = np.arange(len(pairs))
    matrix = csr_array(
        (np.r_[np.ones(len(rows)), -np.ones(len(rows))], (np.r_[rows, rows], np.r_[before, after])),
        shape=(len(rows), 2 * n),
    )
    width = np.array([0 if node.kind is Kind.CONSTANT else node.width for node in graph.nodes], float)
    bounds = np.tile([1.0, float(stages + 1)], (2 * n, 1))
    for i, node in enumerate(graph.nodes):
        if node.kind is Kind.INPUT:
            bounds[i] = 1, 1
        elif DELAYS.get(node.kind, 1.0) > 0:
            bounds[i] = 1, stages
    for i in graph.outputs:
        bounds[n + i] = stages + 1, stages + 1
    found = linprog(
        np.r_[-width, width], A_ub=matrix, b_ub=-distance.astype(float), bounds=bounds, method="highs-ds"
    )
    if found.status != 0:
        raise RuntimeError(f"no schedule of {stages} stages: {found.message}")
    whole: NDArray[np.int64] = np.rint(found.x).astype(np.int64)
    constant = np.array([node.kind is Kind.CONSTANT for node in graph.nodes])
    stage, last = np.where(constant, 0, whole[:n]), np.where(constant, 0, whole[n:])
    return Schedule(stages, tuple(stage.tolist()), tuple(last.tolist()), int(((last - stage) * width).sum()))


def _edges(graph: Graph) -> list[tuple[int, int, int]]:
    """Return operand, user, and by how many stages later than the user's own it is still needed."""
    return [
        (operand, i, int(node.kind is Kind.MULTIPLY and place == ADDED))
        for i, node in enumerate(graph.nodes)
        for place, operand in enumerate(node.operands)
        if graph.nodes[operand].kind is not Kind.CONSTANT
    ]


def _registers(node: Node) -> int:
    return MULTIPLIER_REGISTERS if node.kind is Kind.MULTIPLY else 0


def _distances(graph: Graph, levels_per_stage: float, near_users: int) -> dict[tuple[int, int], int]:
    """Return by how many stages one node is at least behind another."""
    least: dict[tuple[int, int], int] = {}
    ways = _ways(graph, near_users)
    # Of each node, the nodes before it in the same stage: delay from their beginning to its end.
    chains: list[dict[int, float]] = []
    for i, node in enumerate(graph.nodes):
        delay = min(DELAYS.get(node.kind, levels_per_stage), levels_per_stage)
        chain = {i: delay} if delay else {}
        for place, operand in enumerate(node.operands):
            if graph.nodes[operand].kind is Kind.CONSTANT:
                continue
            registers = ways[operand] or _registers(graph.nodes[operand])
            least[operand, i] = max(least.get((operand, i), 0), registers)
            if registers or (node.kind is Kind.MULTIPLY and place == ADDED):
                continue
            for first, so_far in chains[operand].items():
                if so_far + delay > levels_per_stage + 1e-9:
                    if delay:
                        least[first, i] = max(least.get((first, i), 0), 1)
                else:
                    chain[first] = max(chain.get(first, 0.0), so_far + delay)
        chains.append(chain)
    return least


def _ways(graph: Graph, near_users: int) -> list[int]:
    """Return how many stages each node's value is at least on its way, where it has a clock for that."""
    users = Counter(operand for node in graph.nodes for operand in set(node.operands))
    own = {Kind.INPUT: 1, Kind.ADD: 2}
    return [
        own.get(node.kind, 0) if near_users and users[i] > near_users else 0
        for i, node in enumerate(graph.nodes)
    ]
