"""Throughput of training with the hand-written or automatic gradient, and with large or default pages.

Each of the four combinations runs in a separate process, because glibc reads its settings at the start.

    python benchmarks/training_speed.py
"""

import json
import os
import subprocess
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from seq2seqlite.models import SEQ2SEQ, SEQ2SEQLITE, Architecture, initial_parameters
from seq2seqlite.models import jax_forward as differentiable
from seq2seqlite.training.malloc import MALLOC_SETTINGS

NETWORKS = {"Seq2Seq 128 x 128": SEQ2SEQ, "Seq2SeqLite 32": SEQ2SEQLITE}
GRADIENTS = ("automatic", "hand-written")
BATCH, N_GATES, STEPS = 256, 135, 4


def rate(architecture: Architecture, gradient: str) -> float:
    """Return the decays/s for which loss and gradient are computed."""
    inside: Any = differentiable
    finished: Any = jax.block_until_ready
    if gradient == "automatic":
        inside._standard_gru = lambda *args: inside._standard_scan(*args)[0]
        inside._lite_gru = lambda *args: inside._lite_scan(*args)[0]
    rng = np.random.default_rng(0)
    inputs = rng.random((BATCH, N_GATES), np.float32)
    targets = rng.random((N_GATES, BATCH, 3), np.float32)

    def loss(parameters: Any) -> jax.Array:
        return jnp.mean((differentiable.predict_sfd_jax(architecture, parameters, inputs) - targets) ** 2)

    step = jax.jit(jax.value_and_grad(loss))
    parameters = jax.device_put(initial_parameters(architecture, seed=1))
    finished(step(parameters))
    began = time.perf_counter()
    for _ in range(STEPS):
        finished(step(parameters))
    return BATCH * STEPS / (time.perf_counter() - began)


def main() -> None:
    """Print the rates of all combinations and their ratios."""
    if len(sys.argv) == 3:
        print(json.dumps(rate(NETWORKS[sys.argv[1]], sys.argv[2])))
        return
    for network in NETWORKS:
        rates = {}
        for pages, extra in (("default pages", {}), ("large pages", MALLOC_SETTINGS)):
            for gradient in GRADIENTS:
                run = subprocess.run(
                    [sys.executable, __file__, network, gradient],
                    env={**os.environ, **extra},
                    check=True,
                    capture_output=True,
                    text=True,
                )
                rates[pages, gradient] = json.loads(run.stdout)
                print(f"{network}, {pages}, {gradient} gradient: {rates[pages, gradient]:,.0f} decays/s")
        slowest = rates["default pages", "automatic"]
        for key, value in rates.items():
            print(f"{network}: {', '.join(key)} is {value / slowest:.2f} times default pages, automatic")


if __name__ == "__main__":
    main()
