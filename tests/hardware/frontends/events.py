"""NumPy model of the photon-event front end, and its stimulus."""

import numpy as np

from seq2seqlite.hardware.cosim.stream import Access
from seq2seqlite.hardware.wire.beats import Beats
from seq2seqlite.hardware.wire.front_end_registers import EVENT_REGISTERS, register_addresses

ADDRESS = register_addresses(EVENT_REGISTERS)
COUNTERS = ("PHOTONS", "PHOTONS_OUTSIDE", "PIXELS_OUT", "FRAMES_OUT", "LINES_MISSING")
START, STOP, FRAME, PIXEL = 1, 2, 4, 8


def decoded(records):
    """Return the events of PicoHarp T3 records as (time, markers, micro-time, channel), without overflows."""
    records = np.asarray(records, np.int64)
    channel, micro, sync = records >> 28, records >> 16 & 0xFFF, records & 0xFFFF
    special = channel == 15
    time = np.cumsum(special & (micro == 0)) * 65536 + sync
    events = ~special | (micro != 0)
    markers = np.where(special, micro & 15, 0)
    micro, channel = np.where(special, 0, micro), np.where(special, 0, channel - 1)
    return time[events], markers[events], micro[events], channel[events]


def histograms(shape, events, *, table, pixel_syncs, channels=0xFFFFFFFF):  # noqa: C901 (one branch per kind of event)
    """Model of scanner and histograms: return complete pixels, shape (n, n_gates), and the counters."""
    out, pixel = [], np.zeros(shape.n_gates, np.int64)
    line_begin, x, lines = None, shape.line_pixels, 0
    counted = outside = missing = 0

    def finish(n):
        nonlocal pixel, x
        for _ in range(n):
            out.append(pixel)
            pixel = np.zeros(shape.n_gates, np.int64)
            x += 1

    for time, markers, micro, channel in zip(*(part.tolist() for part in events), strict=True):
        if not markers:
            at = x if line_begin is None or not pixel_syncs else (time - line_begin) // pixel_syncs
            if line_begin is not None:
                finish(min(at, shape.line_pixels) - x)
            inside = line_begin is not None and x < shape.line_pixels
            gate = table[micro] if micro < len(table) else -1
            if inside and gate >= 0 and channels >> channel & 1:
                pixel[gate] = min(pixel[gate] + 1, 65535)
                counted += 1
            else:
                outside += 1
            continue
        if markers & (START | STOP | FRAME):
            finish(shape.line_pixels - x)
            line_begin = None
        if markers & FRAME:
            if lines:
                missing += shape.lines - lines
                for _ in range(shape.lines - lines):
                    x = 0
                    finish(shape.line_pixels)
            lines = 0
        if markers & START and lines < shape.lines:
            lines, x, line_begin = lines + 1, 0, time
        elif markers & PIXEL and not pixel_syncs and line_begin is not None and x < shape.line_pixels:
            finish(1)
    return np.reshape(out, (-1, shape.n_gates)), (counted, outside, len(out), missing)


def records_of(time, markers, micro, channel):
    """Return PicoHarp T3 records of events, with overflows where the sync counter wraps."""
    found, high = [], 0
    for at, marker, tac, of in zip(time, markers, micro, channel, strict=True):
        while at >> 16 > high:
            found.append(15 << 28)
            high += 1
        found.append((15 << 28 | marker << 16 if marker else (of + 1) << 28 | tac << 16) | at & 0xFFFF)
    return np.array(found, np.uint32)


def beats_of(records):
    records = np.asarray(records, np.uint32)
    return Beats(records[:, None], np.zeros(len(records), bool))


def settings(*, table, pixel_syncs, markers=0x8421, channels=0xFFFFFFFF, response_map=()):
    """Return the accesses that set up a front end. ``table`` has the gate of each micro-time, or -1.

    ``response_map`` has the words of the response map.
    """
    return [
        Access(ADDRESS["PIXEL_SYNCS"], pixel_syncs),
        Access(ADDRESS["MARKERS"], markers),
        Access(ADDRESS["CHANNELS"], channels),
        Access(ADDRESS["TABLE_INDEX"], 0),
        *(Access(ADDRESS["TABLE_DATA"], int(gate) | 1 << 16 if gate >= 0 else 0) for gate in table),
        *(Access(ADDRESS["MAP_DATA"], int(word)) for word in response_map),
    ]


def counters():
    return [Access(ADDRESS[name]) for name in COUNTERS]


def counted(run):
    return dict(zip(COUNTERS, run.registers[-len(COUNTERS) :], strict=True))
