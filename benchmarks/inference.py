"""Throughput of the CPU back end and of other software for the same student, on the same cores.

The CPU back end converts raw counts with 135 gates to lifetimes. The other packages run a float student
of the same size from counts to the SFD, with their fastest recurrent layer: ONNX Runtime and PyTorch use
their fused GRU (with sigmoid and tanh instead of the hard functions of the student), and Keras on JAX
uses the cell of the student. FLIMLib fits a mono-exponential decay by maximum likelihood, pixel by
pixel. All use the same number of threads.

PyTorch is not part of an extra, because its default wheel includes gigabytes of CUDA libraries. Install
it with ``pip install torch --index-url https://download.pytorch.org/whl/cpu``; otherwise its row is
skipped.

    python benchmarks/inference.py [--n 65536] [--seconds 5] [--threads 2] [--json FILE]
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from seq2seqlite.cli.output import write_json
from seq2seqlite.cpu.direct_program import DirectProgramEngine
from seq2seqlite.cpu.isa import ISA
from seq2seqlite.cpu.predictors import NetworkEngine, ProgramEngine
from seq2seqlite.decay import normalise_tpsf
from seq2seqlite.gru.direct_engine import DirectEngine
from seq2seqlite.integer import ProgramPredictor, load_program, lower_direct
from seq2seqlite.models import Network, load_model
from seq2seqlite.provenance import provenance
from seq2seqlite.simulation.instrument import load_instrument
from seq2seqlite.simulation.simulator import Simulator

INSTRUMENT = "narrow-gate"
FLOAT, INT8, NARROW = (f"seq2seqlite-{INSTRUMENT}-{precision}" for precision in ("float", "int8", "narrow"))
# The same number of gates; the response is unknown, which costs as much as a known one.
DIRECT, DIRECT_INT8 = (f"seq2seqlite-swissspad3-direct-{precision}" for precision in ("float", "int8"))
PEERS = ("ONNX Runtime", "PyTorch", "Keras on JAX")
BATCH = 4096

Predict = Callable[[NDArray[np.uint16]], Any]


def implementations(threads: int) -> Iterator[tuple[str, str, Predict]]:
    """Yield the name, model and prediction function of each implementation."""
    network = load_model(FLOAT)
    for name in (INT8, NARROW):
        yield (
            f"engine, {name.rsplit('-', 1)[1]}",
            name,
            ProgramEngine(load_program(name), threads=threads).lifetimes,
        )
    yield "engine, float", FLOAT, NetworkEngine(network, threads=threads).lifetimes
    program = lower_direct(load_model(DIRECT_INT8))
    yield "engine, direct int8", DIRECT_INT8, DirectProgramEngine(program, threads=threads).lifetimes
    yield "engine, direct float", DIRECT, DirectEngine(load_model(DIRECT), threads=threads).lifetimes
    yield "interpreter (NumPy)", INT8, ProgramPredictor(load_program(INT8)).lifetimes
    yield "float network (NumPy)", FLOAT, network.lifetimes
    if find_spec("jax"):
        from seq2seqlite.jax_back_end import JaxPredictor

        yield "integer program on JAX", INT8, JaxPredictor(load_program(INT8)).lifetimes
    if find_spec("onnxruntime") and find_spec("onnx"):
        yield "ONNX Runtime", FLOAT, by_onnx(network, threads)
    if find_spec("torch"):
        yield "PyTorch", FLOAT, by_torch(network, threads)
    if find_spec("keras"):
        yield "Keras on JAX", FLOAT, by_keras(network)
    if find_spec("flimlib"):
        yield "FLIMLib, maximum likelihood", "mono-exponential fit", by_flimlib


def by_onnx(network: Network, threads: int) -> Predict:
    """Return ONNX Runtime's GRU with the student's weights (gates z, r, h; reset before the product)."""
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

    (units,) = network.architecture.layers
    p, n_gates = network.content.parameters, network.axis.n_gates
    constants = []

    def constant(name: str, value: NDArray[Any]) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def gru(part: str, x: str, initial: str, out: str, last: str) -> Any:
        names = [
            constant(f"{part}-W", p[f"{part}/0/kernel"].T[None]),
            constant(f"{part}-R", p[f"{part}/0/recurrent_kernel"].T[None]),
            constant(
                f"{part}-B", np.concatenate([p[f"{part}/0/bias"], np.zeros(3 * units, np.float32)])[None]
            ),
        ]
        return helper.make_node(
            "GRU", [x, *names, "", initial], [out, last], hidden_size=units, linear_before_reset=0
        )

    zero = constant("zero", np.zeros((n_gates, BATCH, 1), np.float32))
    nodes = [
        gru("encoder", "x", "", "", "state"),
        gru("decoder", zero, "state", "states", ""),
        helper.make_node("Squeeze", ["states", constant("axis", np.array([1]))], ["flat"]),
        helper.make_node("MatMul", ["flat", constant("K", p["head/kernel"])], ["product"]),
        helper.make_node("Add", ["product", constant("b", p["head/bias"])], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "student",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [n_gates, BATCH, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [n_gates, BATCH, 3])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return _batched(lambda x: session.run(["y"], {"x": np.ascontiguousarray(x.T[..., None])}))


def by_torch(network: Network, threads: int) -> Predict:
    """Return PyTorch's GRU of the same size (reset after the product, random weights)."""
    import torch

    torch.set_num_threads(threads)
    (units,) = network.architecture.layers
    encoder, decoder = torch.nn.GRU(1, units), torch.nn.GRU(1, units)
    head = torch.nn.Linear(units, 3)
    zero = torch.zeros(network.axis.n_gates, BATCH, 1)

    def predict(x: NDArray[np.float32]) -> Any:
        with torch.inference_mode():
            _, state = encoder(torch.from_numpy(np.ascontiguousarray(x.T[..., None])))
            return head(decoder(zero, state)[0]).numpy()

    return _batched(predict)


def by_keras(network: Network) -> Predict:
    """Return the student in Keras, compiled by JAX, with identical weights."""
    os.environ["KERAS_BACKEND"] = "jax"
    import keras
    from keras import ops

    (units,) = network.architecture.layers
    p, n_gates = network.content.parameters, network.axis.n_gates

    def layer(*, last: bool) -> Any:
        return keras.layers.GRU(
            units,
            activation=lambda x: ops.clip(x, -1.0, 1.0),
            recurrent_activation=lambda x: ops.clip(0.5 * x + 0.5, 0.0, 1.0),
            reset_after=False,
            return_state=last,
            return_sequences=not last,
        )

    inputs = keras.Input((n_gates, 1))
    encoder, decoder, head = layer(last=True), layer(last=False), keras.layers.Dense(3)
    _, state = encoder(inputs)
    model = keras.Model(inputs, head(decoder(ops.zeros_like(inputs), initial_state=state)))
    for gru, part in ((encoder, "encoder"), (decoder, "decoder")):
        gru.set_weights([p[f"{part}/0/{name}"] for name in ("kernel", "recurrent_kernel", "bias")])
    head.set_weights([p["head/kernel"], p["head/bias"]])
    few = np.linspace(0, 1, 4 * n_gates, dtype=np.float32).reshape(4, n_gates)
    found = np.moveaxis(np.asarray(model(few[..., None])), 1, 2)
    from seq2seqlite.models import predict_sfd

    np.testing.assert_allclose(found, predict_sfd(network.architecture, p, few), atol=1e-4)
    return _batched(lambda x: model.predict_on_batch(x[..., None]))


def by_flimlib(counts: NDArray[np.uint16]) -> Any:
    """Fit 256 pixels, with one call per pixel."""
    import flimlib

    width = load_instrument(INSTRUMENT).axis.gate_width_ns
    for pixel in counts[:256].astype(np.float32):
        start = np.array([1.0, pixel.max(), 1.0], np.float32)
        flimlib.GCI_marquardt_fitting_engine(
            width, pixel[int(pixel.argmax()) :], start, noise_type="NOISE_MLE", compute_fitted=False,
            compute_residuals=False, compute_covar=False, compute_alpha=False, compute_erraxes=False,
        )  # fmt: skip


def _batched(predict: Callable[[NDArray[np.float32]], Any]) -> Predict:
    def whole(counts: NDArray[np.uint16]) -> None:
        for start in range(0, len(counts), BATCH):
            predict(normalise_tpsf(counts[start : start + BATCH]))

    return whole


def rate(predict: Predict, counts: NDArray[np.uint16], seconds: float) -> float:
    """Return the largest pixels/s of several calls, after a first call for compilation."""
    n = 256 if predict is by_flimlib else len(counts)
    predict(counts[:BATCH])
    best, ends = 0.0, time.perf_counter() + seconds
    while best == 0.0 or time.perf_counter() < ends:
        began = time.perf_counter()
        predict(counts)
        best = max(best, n / (time.perf_counter() - began))
    return best


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description="Throughput of the CPU back end and of other software")
    parser.add_argument("--n", type=int, default=65536)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if given.n < BATCH or given.n % BATCH:
        parser.error(f"--n {given.n} must be a multiple of {BATCH}")
    simulator = Simulator(load_instrument(INSTRUMENT), seed=5, split="reference")
    chunk = simulator.chunk(0, n=BATCH).tpsf.astype(np.uint16)
    counts = np.tile(chunk, (given.n // BATCH, 1))
    rows: list[dict[str, Any]] = []
    with threadpool_limits(given.threads):
        for name, model, predict in implementations(given.threads):
            found = rate(predict, counts, given.seconds)
            rows.append({"implementation": name, "model": model, "pixels_per_second": found})
            print(f"{name:28} {model:32} {found:12,.0f} pixels/s", flush=True)
    macs = load_model(FLOAT).architecture.macs_per_decay(load_instrument(INSTRUMENT).axis.n_gates)
    rates: dict[str, float] = {row["implementation"]: row["pixels_per_second"] for row in rows}
    there = {name: rates[name] for name in PEERS if name in rates}
    for name in PEERS:
        if name not in there:
            print(f"{name} is not installed; its row is skipped")
    best, ours = max(there.values(), default=float("nan")), rates["engine, int8"]
    print(
        f"{given.threads} threads, {ISA.name}: the engine's 8-bit student does {ours * macs / 1e9:.0f} GMAC/s"
    )
    print(
        f"relative to the fastest other package: int8 {ours / best:.1f} times, "
        f"float {rates['engine, float'] / best:.1f} times"
    )
    write_json(
        given.json, {"rows": rows, "threads": given.threads, "isa": ISA.name, "provenance": provenance()}
    )


if __name__ == "__main__":
    main()
