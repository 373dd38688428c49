"""CMVM (constant matrix-vector multiplication) as adder graphs, solved by da4ml.

This is the only module of the Verilog kernels that uses da4ml.
"""

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
"""Opcodes of da4ml in a CMVM solution."""

SOLVERS: tuple[dict[str, Any], ...] = ({"method0": "wmc"}, {"method0": "mc"})
"""Solver options; the cheapest solution is used. A depth limit (``hard_dc``) would cost 3 to 6 % more."""


@dataclass(frozen=True)
class Term:
    """Signed and shifted value of a node: ``sign * (node << shift)``.

    Parameters
    ----------
    node : int or None
        Index of the node; None for zero.
    shift : int
        Shift amount; negative only inside a sum.
    weights : ndarray of float64
        Weight of each input in the value, from which its exact range follows.
    negative : bool
        Whether the sign is negative.
    """

    node: int | None
    shift: int
    weights: NDArray[np.float64]
    negative: bool = False


def matrix_product(graph: Graph, operands: Sequence[int], matrix: Codes, /) -> list[Term]:
    """Add the product of a vector of nodes and a constant matrix to a graph.

    Parameters
    ----------
    graph : Graph
        Graph to extend.
    operands : sequence of int, length n
        Indices of the nodes.
    matrix : ndarray of int64, shape (n, m)
        Weights.

    Returns
    -------
    list of Term, length m
        Elements of the product. The signs are those of the cheapest solution.

    Raises
    ------
    RuntimeError
        If da4ml returns an unsupported opcode. No release allowed by the requirements does.
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
        np.testing.assert_array_equal(term.weights, column)  # the solution equals the matrix
    return terms


@dataclass(frozen=True)
class _Reach:
    """Ranges of the operands, and the range of a weighted sum of them."""

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
            # Not an input error: caused by a release of da4ml that the requirements do not allow.
            raise RuntimeError(
                f"opcode={op.opcode} of da4ml {version('da4ml')} must be {ADDITION} (addition), "
                f"{SUBTRACTION} (subtraction) or {COPY} (copy); install the da4ml release of pyproject.toml"
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
    """Add two terms. The sign of a difference is chosen so that low bits need no adder."""
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
