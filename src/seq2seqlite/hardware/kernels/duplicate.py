"""Which registers are there more than once, so that none has many loads far apart.

Placed and routed, the longest ways of a ring are those of state and product from a register to the sums of
all units. Several registers of the same value, each for a part of its users, can lie where these are.
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
    """Registers that hold the same.

    Parameters
    ----------
    of_user : mapping of (int, int) to int
        Operand and user to the number of the operand's register that the user takes; 0 where it has one only.
    count : mapping of (int, int) to int
        Node and stage to its number of registers, where it has several.
    """

    of_user: Mapping[tuple[int, int], int]
    count: Mapping[tuple[int, int], int]

    def bits(self, graph: Graph) -> int:
        """Return the bits of all registers but the first of each value."""
        return sum((n - 1) * graph.nodes[i].width for (i, _), n in self.count.items())


def registers_shared_out(graph: Graph, schedule: Schedule, most: int, loads: int, /) -> Copies:
    """Return which users share a register.

    Parameters
    ----------
    graph : Graph
        Graph.
    schedule : Schedule
        When it is computed.
    most : int
        Most registers of a value.
    loads : int
        Users of a value in a stage that a register has before there is a second.

    Returns
    -------
    Copies
        Users that work for neighbouring units take the same register, of whatever value.
    """
    place = _places(graph)
    users: dict[tuple[int, int], list[int]] = {}
    for user, node in enumerate(graph.nodes):
        for operand in set(node.operands):
            if _is_registered(graph, schedule, operand, user):
                users.setdefault((operand, schedule.stage[user]), []).append(user)
    of_user: dict[tuple[int, int], int] = {}
    count: dict[tuple[int, int], int] = {}
    for (operand, stage), those in sorted(users.items()):
        n = min(most, -(-len(those) // loads))
        if n > 1:
            count[operand, stage] = n
            for rank, user in enumerate(sorted(those, key=lambda user: (place[user], user))):
                of_user[operand, user] = rank * n // len(those)
    return Copies(of_user, count)


def _is_registered(graph: Graph, schedule: Schedule, operand: int, user: int) -> bool:
    kind = graph.nodes[operand].kind
    # The registers behind a product are those of a DSP block, which has one of each.
    if kind in {Kind.CONSTANT, Kind.MULTIPLY}:
        return False
    return kind is Kind.INPUT or schedule.stage[operand] < schedule.stage[user]


def _places(graph: Graph) -> list[float]:
    """Return the unit that each node works for: the mean of those of its users."""
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
