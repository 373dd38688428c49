"""Boards with a front end: their settings, images and results."""

import numpy as np

from seq2seqlite.hardware.cosim.camera import camera_beats
from seq2seqlite.hardware.cosim.memory import MemoryModel
from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.stimulus import made_up_counts
from seq2seqlite.hardware.wire.results import records_from_result, words_from_records
from seq2seqlite.integer import DirectProgram, run, run_direct

NUMBER = 3  # word of a result that numbers its pixel since the start of the session

PIXELS = 201
SLOW = MemoryModel(stalls=0.3, latency_clocks=10, jitter_clocks=20, refresh_every=500, refresh_clocks=60)
SHAPE = {"pixels": PIXELS, "data_bits": 32, "tile_pixels": 16, "fifo_bursts": 8}


def series_of(project, **options):
    return SeriesShape(project.shape.n_gates, lanes=project.shape.lanes, **(SHAPE | options))


def images_of(program, frames, *, pixels=PIXELS, seed=0):
    """Return counts of 8 bits, shape (frames, n_gates, pixels)."""
    counts = np.minimum(made_up_counts(program, frames * pixels, seed=seed), 255)
    return counts.reshape(frames, pixels, program.n_gates).swapaxes(1, 2)


def beats_of(images, port_bits=16):
    return camera_beats(images, bits=8, port_bits=port_bits)


def expected_of(program, images, *, bank=None, index=0, min_photons=0):
    """Return the words of the results, shape (frames, pixels, words), of frames without numbers.

    ``index`` has the response of each pixel of a frame.
    """
    frames, n_gates, pixels = images.shape
    counts = images.swapaxes(1, 2).reshape(-1, n_gates)
    if isinstance(program, DirectProgram):
        chosen = np.tile(np.broadcast_to(index, pixels), frames)
        result = run_direct(program, counts, bank=bank, index=chosen, min_photons=min_photons)
    else:
        result = run(program, counts, min_photons=min_photons)
    words = words_from_records(records_from_result(result)).reshape(frames, pixels, -1)
    words[..., NUMBER] = 0
    return words
