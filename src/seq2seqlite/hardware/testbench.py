"""Self-checking testbench of a design for any simulator, with its stimulus and the expected results."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from seq2seqlite.hardware.cosim.inputs import Inputs, result_words
from seq2seqlite.hardware.cosim.stream import Access
from seq2seqlite.hardware.design import Design
from seq2seqlite.hardware.gateware.csr import REGISTERS
from seq2seqlite.hardware.project_files import templates
from seq2seqlite.hardware.stimulus import made_up_bank, made_up_counts
from seq2seqlite.hardware.wire.beats import Beats
from seq2seqlite.hardware.wire.results import beats_from_counts

__all__ = ["N_PIXELS", "testbench_files"]

N_PIXELS = 24
"""Pixels of the stimulus: one frame, with one that is below threshold."""
N_RESPONSES = 3
MISSING = (4, 11, 12, 20)
"""Pixels whose packet is missing, of designs with sequence numbers."""
MIN_PHOTONS = 100
CLOCK_LIMIT = 1_000_000


def testbench_files(design: Design, /) -> dict[str, str]:
    """Return the files of the testbench by name.

    Returns
    -------
    dict of str
        ``testbench.v``; ``registers.hex``, the accesses to the CSRs; ``counts.hex``, the input beats;
        ``expected.hex``, the output beats. A line is a number: poll, address and data; TLAST, TUSER and
        TDATA; TLAST and TDATA.

    See Also
    --------
    seq2seqlite.hardware.cosim.design.compile_project : Simulation with more pixels.
    """
    program, shape, options = design.program, design.shape, design.options
    counts, bank = (
        made_up_counts(program, N_PIXELS, count_bits=shape.count_bits),
        made_up_bank(program, min(N_RESPONSES, shape.responses or 1)),
    )
    inputs = Inputs(bank, np.arange(N_PIXELS) % len(bank))
    missing = np.isin(np.arange(N_PIXELS), MISSING if shape.sequence_numbers else ())
    result = inputs.expected(program, counts, min_photons=MIN_PHOTONS)
    user, loads = inputs.user(shape, N_PIXELS), inputs.accesses(shape)
    words = result_words(shape, result, frame_pixels=N_PIXELS, missing=missing)
    settings = {"FRAME_PIXELS": N_PIXELS, "MIN_PHOTONS": MIN_PHOTONS, "CONTROL": 1}
    accesses = [*(Access(REGISTERS[name], value) for name, value in settings.items()), *loads]
    beats = beats_from_counts(
        counts[~missing],
        lanes=shape.lanes,
        user=None if user is None else user[~missing],
        count_bits=shape.count_bits,
    )
    expected = _output_beats(words, shape.record_bits, options.result_width)
    texts = {
        "registers.hex": _hex(_register_word(access) for access in accesses),
        "counts.hex": _hex(_beat_words(beats, shape.beat_bits, shape.user_bits)),
        "expected.hex": _hex(_beat_words(expected, options.result_width, 0)),
    }
    bench = templates("seq2seqlite.hardware").get_template("testbench.v.j2")
    texts["testbench.v"] = bench.render(
        top=options.top,
        name=program.name,
        in_bits=shape.beat_bits,
        user_bits=shape.user_bits,
        out_bits=options.result_width,
        n_accesses=len(accesses),
        n_beats=len(beats),
        n_expected=len(expected),
        n_pixels=N_PIXELS,
        clock_limit=CLOCK_LIMIT,
    )
    return texts


def _output_beats(words: NDArray[np.uint32], record_bits: int, result_width: int) -> Beats:
    """Return result words as the output beats of one frame."""
    per_beat = result_width // 32
    if record_bits < result_width:  # a raw SFD word in the lowest bits of a beat
        words = np.pad(words, ((0, 0), (0, per_beat - words.shape[1])))
    beats = words.reshape(-1, per_beat)
    last = np.zeros(len(beats), np.bool_)
    last[-1] = True
    return Beats(beats, last)


def _register_word(access: Access) -> int:
    """Return an access as a number: a write, or a read until one of the bits of the data is 1."""
    poll = access.write is None
    data = access.until if access.write is None else access.write
    return poll << 40 | access.address << 32 | data


def _beat_words(beats: Beats, data_bits: int, user_bits: int) -> Iterable[int]:
    users = np.zeros(len(beats), np.uint32) if beats.user is None else beats.user
    for words, user, last in zip(beats.words.tolist(), users.tolist(), beats.last.tolist(), strict=True):
        data = sum(word << 32 * place for place, word in enumerate(words))
        yield last << data_bits + user_bits | user << data_bits | data


def _hex(numbers: Iterable[int]) -> str:
    return "".join(f"{number:x}\n" for number in numbers)
