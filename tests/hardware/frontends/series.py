"""NumPy model of the gate-series front end, and its stimulus."""

import numpy as np

from seq2seqlite.hardware.camera import beats_of_images
from seq2seqlite.hardware.cosim.stream import Access
from seq2seqlite.hardware.wire.beats import Beats
from seq2seqlite.hardware.wire.front_end_registers import SERIES_REGISTERS, register_addresses

ADDRESS = register_addresses(SERIES_REGISTERS)
BASES = (0x0000, 0x8000)
COUNTERS = ("FRAMES_IN", "FRAMES_OUT", "FRAMES_DROPPED", "FRAMES_MALFORMED", "MEMORY_ERRORS")


def counts_beats(shape, frames):
    """Return the beats of frames of counts, shape (frames, n_gates, pixels)."""
    images = np.reshape(frames, (-1, shape.pixels))
    return beats_of_images(images, bits=shape.count_bits, width=shape.data_bits, frame_images=shape.n_gates)


def joined(*parts):
    return Beats(
        np.concatenate([part.words for part in parts]),
        np.concatenate([part.last for part in parts]),
        np.concatenate([part.user for part in parts]),
    )


def cut(beats, selection):
    return Beats(beats.words[selection], beats.last[selection], beats.user[selection])


def corrected(counts, *, table=None, dark_level=0, mask=None):
    """Model of the correction: counts of shape (..., n_gates, pixels)."""
    values = np.asarray(counts, np.int64)
    if table is not None:
        values = np.asarray(table)[np.minimum(values, len(table) - 1)]
    values = np.maximum(values - dark_level, 0)
    return values if mask is None else np.where(mask, 0, values)


def packets(shape, frames):
    """Return the packets of frames, shape (frames, n_gates, pixels), as (words, last) of beats."""
    pixels = np.moveaxis(np.asarray(frames), -1, -2).reshape(-1, shape.n_gates)
    padded = np.pad(pixels, ((0, 0), (0, shape.words * shape.lanes - shape.n_gates)))
    beats = padded.reshape(-1, shape.lanes)
    last = np.tile(np.arange(shape.words) == shape.words - 1, len(pixels))
    return beats, last


def counts_of(run, shape):
    """Return the counts of the output beats, shape (n, lanes), with 0 in unused lanes."""
    raw = np.ascontiguousarray(run.out.words, "<u4").view("<u2")
    counts = raw.reshape(len(run.out), 2 * run.out.words.shape[1])[:, : shape.lanes].astype(np.int64)
    used = shape.n_gates - (shape.words - 1) * shape.lanes
    counts[run.out.last, used:] = 0
    return counts


def settings(*, bases=BASES, table=None, dark_level=0, mask=None, wait=False, frames_per_gate=None, words=()):
    """Return the accesses that set up a front end. ``words`` are those of the response map."""
    values = {
        "CONTROL": int(table is not None) | 2 * int(wait),
        "DARK_LEVEL": dark_level,
        "BASE0": bases[0],
        "BASE1": bases[1],
    }
    if frames_per_gate is not None:
        values["FRAMES_PER_GATE"] = frames_per_gate
    accesses = [Access(ADDRESS[name], int(value)) for name, value in values.items()]
    if table is not None:
        accesses += [Access(ADDRESS["TABLE_INDEX"], 0)]
        accesses += [Access(ADDRESS["TABLE_DATA"], int(value)) for value in table]
    if mask is not None:
        bits = np.pad(np.asarray(mask, np.uint8), (0, -len(mask) % 32))
        packed = np.packbits(bits, bitorder="little").view("<u4")
        accesses += [Access(ADDRESS["MASK_INDEX"], 0)]
        accesses += [Access(ADDRESS["MASK_DATA"], int(word)) for word in packed]
    return accesses + [Access(ADDRESS["MAP_DATA"], int(word)) for word in words]


def counters():
    return [Access(ADDRESS[name]) for name in COUNTERS]


def counted(run):
    return dict(zip(COUNTERS, run.registers[-len(COUNTERS) :], strict=True))
