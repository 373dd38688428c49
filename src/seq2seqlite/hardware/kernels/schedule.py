"""Pipeline scheduling with the minimum number of register bits.

The variables are the stage of each node and the stage of its last use. Precedence, the delay budget of a
stage and the lifetime of a register are constraints on differences of two variables, and the number of
register bits is a linear cost. Such a linear program has integer solutions, so the minimum is exact
(retiming; Leiserson and Saxe, Algorithmica 6, 1991).
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.hardware.kernels.graph import Graph, Kind, Node

__all__ = ["ADDED", "Schedule", "fewest_stages", "schedule"]

MULTIPLIER_REGISTERS = 2
"""Registers of a product in a DSP block: one after the multiplier, one after the adder."""

ADDED = 2
"""Index of the addend among the operands of a product. It is needed one stage later than the factors."""

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
"""Delay in logic levels: one level is an adder of typical width with its routing.

Products have their own stages.
"""


@dataclass(frozen=True)
class Schedule:
    """Assignment of the nodes of a kernel graph to pipeline stages.

    Parameters
    ----------
    stages : int
        Number of pipeline stages. Inputs are registered before stage 1, outputs after the last stage.
    stage : tuple of int
        Stage in which each node is computed; 0 for constants.
    last : tuple of int
        Stage of the last use of each node; the number of stages plus 1 for outputs.
    register_bits : int
        Number of bits of the registers between stages and after the last stage.

    See Also
    --------
    schedule : Assign the nodes of a graph to pipeline stages.
    """

    stages: int
    stage: tuple[int, ...]
    last: tuple[int, ...]
    register_bits: int


def fewest_stages(graph: Graph, levels_per_stage: float, direct_fanout: int = 0, /) -> int:
    """Return the minimum number of pipeline stages of a graph; parameters are those of :func:`schedule`.

    See Also
    --------
    schedule : Assign the nodes of a graph to pipeline stages.
    """
    earliest = np.ones(len(graph.nodes), np.int64)
    for (before, after), distance in sorted(
        _distances(graph, levels_per_stage, direct_fanout).items(), key=lambda d: d[0][1]
    ):
        earliest[after] = max(earliest[after], earliest[before] + distance)
    # Nodes without delay may follow the last register.
    ends = [
        earliest[i] + (_registers(node) or int(DELAYS.get(node.kind, 1.0) > 0)) - 1
        for i, node in enumerate(graph.nodes)
    ]
    return int(max([*ends, 1]))


def schedule(graph: Graph, levels_per_stage: float, stages: int, direct_fanout: int = 0, /) -> Schedule:
    """Assign the nodes of a graph to pipeline stages.

    Parameters
    ----------
    graph : Graph
        Graph to schedule.
    levels_per_stage : float
        Logic levels per stage, in adder delays.
    stages : int
        Number of stages, at least :func:`fewest_stages`.
    direct_fanout : int
        Fan-out above which an input or a shared sum gets a pipeline stage for routing; 0: never.

    Returns
    -------
    Schedule
        Schedule with the fewest register bits.

    See Also
    --------
    fewest_stages :
        Return the minimum number of pipeline stages of a graph; parameters are those of ``schedule``.
    seq2seqlite.hardware.kernels.build_kernels : Compile the kernels of a program.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    n = len(graph.nodes)
    distances = _distances(graph, levels_per_stage, direct_fanout)
    # Variables: the stage of each node, then the stage of its last use.
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
        raise RuntimeError(
            f"stages={stages} are too few for the graph ({found.message}); use at least fewest_stages()"
        )
    whole: NDArray[np.int64] = np.rint(found.x).astype(np.int64)
    constant = np.array([node.kind is Kind.CONSTANT for node in graph.nodes])
    stage, last = np.where(constant, 0, whole[:n]), np.where(constant, 0, whole[n:])
    return Schedule(stages, tuple(stage.tolist()), tuple(last.tolist()), int(((last - stage) * width).sum()))


def _edges(graph: Graph) -> list[tuple[int, int, int]]:
    """Return (operand, user, stages after that of the user until which the operand is needed)."""
    return [
        (operand, i, int(node.kind is Kind.MULTIPLY and place == ADDED))
        for i, node in enumerate(graph.nodes)
        for place, operand in enumerate(node.operands)
        if graph.nodes[operand].kind is not Kind.CONSTANT
    ]


def _registers(node: Node) -> int:
    return MULTIPLIER_REGISTERS if node.kind is Kind.MULTIPLY else 0


def _distances(graph: Graph, levels_per_stage: float, direct_fanout: int) -> dict[tuple[int, int], int]:
    """Return the minimum number of stages between pairs of nodes."""
    least: dict[tuple[int, int], int] = {}
    routing = _routing_stages(graph, direct_fanout)
    # For each node: its predecessors in the same stage, with the delay from their start to its end.
    chains: list[dict[int, float]] = []
    for i, node in enumerate(graph.nodes):
        delay = min(DELAYS.get(node.kind, levels_per_stage), levels_per_stage)
        chain = {i: delay} if delay else {}
        for place, operand in enumerate(node.operands):
            if graph.nodes[operand].kind is Kind.CONSTANT:
                continue
            registers = routing[operand] or _registers(graph.nodes[operand])
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


def _routing_stages(graph: Graph, direct_fanout: int) -> list[int]:
    """Return the number of stages after which each value can be used, 0 without a routing stage."""
    users = Counter(operand for node in graph.nodes for operand in set(node.operands))
    own = {Kind.INPUT: 1, Kind.ADD: 2}
    return [
        own.get(node.kind, 0) if direct_fanout and users[i] > direct_fanout else 0
        for i, node in enumerate(graph.nodes)
    ]
