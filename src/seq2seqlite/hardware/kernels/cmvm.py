"""Constant matrices as adder graphs: the one place of the hardware that knows da4ml."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.hardware.kernels.graph import Graph

__all__ = ["Term", "matrix_product"]

Codes = NDArray[np.int64]

ADDITION, SUBTRACTION, COPY = 0, 1, -1
"""Operations of da4ml that a solution has."""

SOLVERS: tuple[dict[str, Any], ...] = ({"method0": "wmc"}, {"method0": "mc"})
"""Searches of which the cheaper result is taken. A limit on the depth (``hard_dc``) costs 3 to 6 % more."""


@dataclass(frozen=True)
class Term:
    """A number that a graph has up to a power of two and a sign: ``sign * (node << shift)``.

    Parameters
    ----------
    node : int or None
        Number of the node; None for zero.
    shift : int
        Power of two; below zero only inside a sum.
    weights : ndarray of float64
        The same as a sum of inputs, which tells its exact range.
    negative : bool
        Whether the sign is minus.
    """

    node: int | None
    shift: int
    weights: NDArray[np.float64]
    negative: bool = False


def matrix_product(graph: Graph, operands: Sequence[int], matrix: Codes, /) -> list[Term]:
    """Add a product of nodes and a constant matrix to a graph.

    Parameters
    ----------
    graph : Graph
        Graph that gets the adders.
    operands : sequence of int, length n
        Nodes.
    matrix : ndarray of int64, shape (n, m)
        Weights.

    Returns
    -------
    list of Term, length m
        Sums; their signs are what was cheapest.

    Raises
    ------
    RuntimeError
        If da4ml uses an operation that is unknown here, as no release that the requirements allow does.
    """
    from da4ml.cmvm import solve
    from da4ml.types import QInterval

    nodes = [graph.nodes[i] for i in operands]
    units = np.eye(len(operands))
    if not matrix.any():
        return [Term(None, 0, np.zeros(len(operands))) for _ in range(matrix.shape[1])]
    ranges = [QInterval(float(node.low), float(node.high), 1.0) for node in nodes]
    kernel = np.ascontiguousarray(matrix, np.float32)
    pipelines = [
        solve(kernel, qintervals=ranges, latencies=[0.0] * len(nodes), adder_size=1, carry_size=-1, **options)
        for options in SOLVERS
    ]
    pipeline = min(pipelines, key=lambda found: found.cost)
    terms = [Term(i, 0, unit) for i, unit in zip(operands, units, strict=True)]
    reach = _Reach(np.array([node.low for node in nodes]), np.array([node.high for node in nodes]))
    for solution in pipeline.solutions:
        terms = _solution(graph, solution, terms, reach)
    for column, term in zip(matrix.T, terms, strict=True):
        np.testing.assert_array_equal(term.weights, column)  # da4ml gave what was asked for
    return terms


@dataclass(frozen=True)
class _Reach:
    """Ranges of the operands of a sum."""

    low: Codes
    high: Codes

    def of(self, weights: NDArray[np.float64]) -> tuple[int, int]:
        ends = np.stack([weights * self.low, weights * self.high])
        return int(ends.min(axis=0).sum()), int(ends.max(axis=0).sum())


def _solution(graph: Graph, solution: Any, given: Sequence[Term], reach: _Reach) -> list[Term]:
    buffer: list[Term] = []
    for op in solution.ops:
        if op.opcode == COPY:
            buffer.append(_scaled(given[op.id0], solution.inp_shifts[op.id0]))
        elif op.opcode in {ADDITION, SUBTRACTION}:
            second = _scaled(buffer[op.id1], op.data)
            second = _negated(second) if op.opcode == SUBTRACTION else second
            buffer.append(_sum(graph, buffer[op.id0], second, reach))
        else:
            # Not of a user's doing: a release of da4ml that the requirements do not allow.
            raise RuntimeError(
                f"da4ml {version('da4ml')} solves a constant matrix with opcode={op.opcode}; only {ADDITION} "
                f"(addition), {SUBTRACTION} (subtraction) and {COPY} (copy) are known here"
            )
    zero = Term(None, 0, given[0].weights * 0)
    outputs = []
    for index, shift, negative in zip(solution.out_idxs, solution.out_shifts, solution.out_negs, strict=True):
        term = _scaled(buffer[index], shift) if index >= 0 else zero
        outputs.append(_negated(term) if negative else term)
    return outputs


def _scaled(term: Term, shift: int) -> Term:
    return replace(term, shift=term.shift + shift, weights=term.weights * 2.0**shift)


def _negated(term: Term) -> Term:
    return replace(term, negative=not term.negative, weights=-term.weights)


def _sum(graph: Graph, a: Term, b: Term, reach: _Reach) -> Term:
    """Add two terms; of a difference, that sign is kept which lets low bits pass without an adder."""
    first, second = (a, b) if a.shift <= b.shift else (b, a)
    if first.node is None or second.node is None:
        return second if first.node is None else first
    weights = a.weights + b.weights
    scaled = weights * 2.0**-first.shift
    node = graph.add(
        first.node,
        second.node,
        (0, second.shift - first.shift),
        subtract=a.negative != b.negative,
        reach=reach.of(-scaled if first.negative else scaled),
    )
    return Term(node, first.shift, weights, first.negative)
