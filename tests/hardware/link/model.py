"""A board in Python: the answers that docs/spec/link.md requires."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seq2seqlite.hardware.gateware.csr import REGISTERS
from seq2seqlite.hardware.gateware.register_map import constants
from seq2seqlite.hardware.wire.bitpack import unpack_codes
from seq2seqlite.hardware.wire.link_packets import (
    ANSWER,
    LINK_VERSION,
    ErrorCode,
    Kind,
    Packet,
    max_pixels,
    packet_from_bytes,
    pixel_words,
)
from seq2seqlite.hardware.wire.results import records_from_result, response_words, words_from_records
from seq2seqlite.integer import DirectProgram, run, run_direct

SETTINGS = ("FRAME_PIXELS", "MIN_PHOTONS", "FLUSH_CLOCKS", "RESPONSE_BASE")
LOADING = ("RESPONSE_OPEN", "RESPONSE_WORD", "RESPONSE_COMPLETE")
ANY = 0xFFFFFFFF  # value of a read that depends on the time
NUMBER = 3  # word of a result that numbers its pixel, which has no meaning for the link


@dataclass
class BoardModel:
    """State of a board. Responses are loaded as specified, and reads of their status may give any value."""

    project: Any
    session: int = 0
    next_sequence: int = 0
    last: Packet | None = None
    registers: dict[str, int] = field(default_factory=dict)
    bank: dict[int, Any] = field(default_factory=dict)
    open: int = 0
    words: list[int] = field(default_factory=list)
    counters: Counter[str] = field(default_factory=Counter)

    def reset_design(self):
        shape, options = self.project.shape, self.project.options
        fixed = constants(shape, options.engines, options.result_width)
        self.registers = {**fixed, **dict.fromkeys(SETTINGS, 0), "FLUSH_CLOCKS": 65536}
        self.registers["RESPONSE_STATUS"] = ANY
        self.bank = {}

    def answer(self, data):
        """Return the answer to a packet; None without one. The body of a status is left empty."""
        found = self._answer(data)
        self.counters["in"] += 1
        return found

    def _answer(self, data):
        shape = self.project.shape
        asked = packet_from_bytes(data)
        if asked is None or not self._has_form(asked, shape):
            self.counters["malformed"] += 1
            return None
        of_session = asked.kind in (Kind.REGISTERS, Kind.PIXELS)
        if asked.version != LINK_VERSION:
            return self._error(asked, ErrorCode.VERSION)
        if of_session and (asked.session != self.session or not self.session):
            return self._error(asked, ErrorCode.SESSION)
        if asked.kind == Kind.OPEN and asked.body[0] != self.session:
            self.session, self.next_sequence, self.last = int(asked.body[0]), 0, None
            self.reset_design()
        if asked.kind == Kind.REGISTERS:
            return self._access(asked)
        if asked.kind == Kind.PIXELS:
            n = asked.argument & 0xFFFF
            return self._packet(asked, n, self.results(asked).reshape(-1))
        return self._packet(asked, 0, [])

    def _has_form(self, asked, shape):
        n = asked.argument & 0xFFFF
        if asked.kind in (Kind.STATUS, Kind.OPEN):
            return len(asked.body) == 1 and (asked.kind == Kind.STATUS or asked.body[0] != 0)
        if asked.kind == Kind.REGISTERS:
            return asked.argument > 0 and len(asked.body) == 2 * asked.argument
        bits, has_user = asked.argument >> 16, bool(shape.user_bits)
        if asked.kind != Kind.PIXELS or bits not in (8, 16)[: 1 + (shape.count_bits == 16)]:
            return False
        most = max_pixels(shape.n_gates, bits, has_user=has_user, record_bits=shape.record_bits)
        words = pixel_words(shape.n_gates, bits, has_user=has_user)
        return 0 < n <= most and len(asked.body) == n * words

    def _error(self, asked, code):
        self.counters["refused"] += 1
        return Packet(Kind.ERROR, self.session, asked.sequence, code, np.array([asked.kind], np.uint32))

    def _packet(self, asked, argument, body):
        body = np.array(body, np.uint32)
        return Packet(asked.kind | ANSWER, self.session, asked.sequence, argument, body)

    def _access(self, asked):
        if self.last is not None and asked.sequence == self.last.sequence:
            return self.last
        if asked.sequence != self.next_sequence:
            self.counters["refused"] += 1
            return None
        names = {address: name for name, address in REGISTERS.items()}
        values, executed = [], 0
        for address, value in asked.body.reshape(-1, 2).tolist():
            name, writes = names.get(address & 0xFC), address >> 31
            if executed < len(values) or (writes and name == "CONTROL"):
                values.append(0)
                continue
            executed += 1
            values.append(value if writes else self.registers.get(name, 0))
            if writes and name in SETTINGS:
                self.registers[name] = value
            elif writes and name in LOADING:
                self._load(name, value)
        self.next_sequence += 1
        self.last = self._packet(asked, executed, values)
        return self.last

    def _load(self, name, value):
        if name == "RESPONSE_OPEN":
            self.open, self.words = value, []
        elif name == "RESPONSE_WORD":
            self.words.append(value)
        else:
            program = self.project.program
            widths = [program.formats.response.bits] * program.n_columns
            rows = np.array(self.words, np.uint32).reshape(program.n_gates, -1)
            self.bank[self.open] = unpack_codes(rows, widths)

    def results(self, asked):
        """Return the words of the results of a pixels request, with numbers of 0."""
        shape, program = self.project.shape, self.project.program
        n, bits = asked.argument & 0xFFFF, asked.argument >> 16
        pixels = asked.body.reshape(n, -1)
        user = pixels[:, 0] if shape.user_bits else np.zeros(n, np.int64)
        words = np.ascontiguousarray(pixels[:, 1:] if shape.user_bits else pixels, "<u4")
        counts = words.view(f"<u{bits // 8}")[:, : shape.n_gates].astype(np.int64)
        least = self.registers["MIN_PHOTONS"]
        if not isinstance(program, DirectProgram):
            found = records_from_result(run(program, counts, min_photons=least))
            return _without_numbers(words_from_records(found))
        unknown = np.zeros((shape.n_gates, program.n_columns), np.int64)
        index = user.astype(np.int64) & 63
        bank = np.stack([self.bank.get(number, unknown) for number in range(64)])
        exponent = (user >> 8).astype(np.uint8).view(np.int8).astype(np.int64)
        result = run_direct(
            program, counts, bank=bank, index=index, min_photons=least, count_exponent=exponent
        )
        found = _without_numbers(words_from_records(records_from_result(result)))
        missing = ~np.isin(index, list(self.bank))
        photons = found[:, 2] & 0xFFFFFF
        below = found[:, 2] & (8 << 24)
        found[missing] = 0
        found[missing, 2] = (photons | below | 32 << 24)[missing]
        return found


def loading(program, index, codes):
    """Return the accesses that load a response into a design without pixels, ready after few of the reads."""
    words = response_words(program, codes)
    return [
        (REGISTERS["RESPONSE_OPEN"], index),
        *[(REGISTERS["RESPONSE_STATUS"], None)] * 20,
        *((REGISTERS["RESPONSE_WORD"], int(word)) for word in words),
        (REGISTERS["RESPONSE_COMPLETE"], len(words)),
    ]


def _without_numbers(words):
    words[:, NUMBER] = 0
    return words


def without_numbers(body, record_words):
    """Return the body of an answer with results, with numbers of 0."""
    return _without_numbers(np.array(body).reshape(-1, record_words)).reshape(-1)
