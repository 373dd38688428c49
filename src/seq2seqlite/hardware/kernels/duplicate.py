"""Register duplication, to limit fan-out and wire length.

After placement and routing, the longest nets of a ring are those of states and products, from a register to
the adders of all units. Duplicated registers, each for some of these adders, can be placed next to them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from seq2seqlite.hardware.kernels.graph import Graph, Kind
from seq2seqlite.hardware.kernels.schedule import Schedule

__all__ = ["Copies", "registers_shared_out"]


@dataclass(frozen=True)
class Copies:
    """Assignment of users to duplicated registers.

    Parameters
    ----------
    of_user : mapping of (int, int) to int
        Index of the register that a user reads, by (operand, user). Operands with one register are omitted.
    count : mapping of (int, int) to int
        Number of registers, by (node, stage). Nodes with one register are omitted.
    """

    of_user: Mapping[tuple[int, int], int]
    count: Mapping[tuple[int, int], int]

    def bits(self, graph: Graph) -> int:
        """Return the number of bits that duplication adds."""
        return sum((n - 1) * graph.nodes[i].width for (i, _), n in self.count.items())


def registers_shared_out(graph: Graph, schedule: Schedule, max_duplicates: int, max_fanout: int, /) -> Copies:
    """Decide which registers are duplicated, and which users share a register.

    Parameters
    ----------
    graph : Graph
        Graph of the kernel.
    schedule : Schedule
        Schedule of the graph.
    max_duplicates : int
        Maximum number of registers per value and stage.
    max_fanout : int
        Fan-out at which a register is duplicated.

    Returns
    -------
    Copies
        Users that belong to neighbouring units share a register.
    """
    place = _places(graph)
    users: dict[tuple[int, int], list[int]] = {}
    for user, node in enumerate(graph.nodes):
        for operand in set(node.operands):
            if _is_registered(graph, schedule, operand, user):
                users.setdefault((operand, schedule.stage[user]), []).append(user)
    of_user: dict[tuple[int, int], int] = {}
    count: dict[tuple[int, int], int] = {}
    for (operand, stage), consumers in sorted(users.items()):
        n = min(max_duplicates, -(-len(consumers) // max_fanout))
        if n > 1:
            count[operand, stage] = n
            for rank, user in enumerate(sorted(consumers, key=lambda user: (place[user], user))):
                of_user[operand, user] = rank * n // len(consumers)
    return Copies(of_user, count)


def _is_registered(graph: Graph, schedule: Schedule, operand: int, user: int) -> bool:
    kind = graph.nodes[operand].kind
    # The registers of a product are inside a DSP block and cannot be duplicated.
    if kind in {Kind.CONSTANT, Kind.MULTIPLY}:
        return False
    return kind is Kind.INPUT or schedule.stage[operand] < schedule.stage[user]


def _places(graph: Graph) -> list[float]:
    """Return the unit that each node belongs to, averaged over its users."""
    users: list[list[int]] = [[] for _ in graph.nodes]
    for i, node in enumerate(graph.nodes):
        for operand in node.operands:
            users[operand].append(i)
    places = [0.0] * len(graph.nodes)
    for i in reversed(range(len(graph.nodes))):
        unit = re.search(r"\d+$", graph.names.get(i, ""))
        if unit:
            places[i] = float(unit[0])
        elif users[i]:
            places[i] = float(np.mean([places[user] for user in users[i]]))
    return places
