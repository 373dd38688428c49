"""Summation of one-bit frames to counts, in block memory."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.frontends.frame_tracker import image_beat
from seq2seqlite.hardware.frontends.parameters import SeriesShape
from seq2seqlite.hardware.gateware.pipeline import delayed
from seq2seqlite.hardware.gateware.register_slices import RegisterSlice

__all__ = ["BitSummer"]


class BitSummer(Component):
    """Bit summer: adds the one-bit frames of a gate, pixel by pixel.

    Two memories alternate: while one accumulates the frames of a gate, the sums of the gate before it are
    delivered from the other one. They must be delivered before the next gate ends; otherwise the frame of all
    gates is dropped. Sums saturate at ``2**count_bits - 1``.

    Parameters
    ----------
    shape : SeriesShape
        Parameters of the front end. ``frame_bits`` is not 0.

    Attributes
    ----------
    i : Signature(image_beat(frame_bits)), in
        One-bit frames; ``last`` is high on the last beat of each one-bit frame, ``first`` on the first beat
        of the first one-bit frame of gate 0. ``i.ready`` is high unless ``wait`` is.
    frames : Signal(16), in
        One-bit frames that are summed for a gate, at least 1.
    wait : Signal(1), in
        Whether to apply back-pressure instead of dropping frames.
    o : Signature(image_beat(data_bits)), out
        Images of sums.
    abandon : Signal(1), out
        Strobe when a frame is dropped or malformed after images of it were delivered. The images that are
        still in this component are discarded.
    dropped, malformed : Signal(1), out
        Strobe when a frame is dropped because sums were not delivered in time; when a one-bit frame has the
        wrong number of beats, or the next frame begins within a gate.
    """

    def __init__(self, shape: SeriesShape) -> None:
        self.shape_ = shape
        self.beats = -(-shape.pixels // shape.frame_bits)
        super().__init__(
            {
                "i": In(stream.Signature(image_beat(shape.frame_bits))),
                "frames": In(16),
                "wait": In(1),
                "o": Out(stream.Signature(image_beat(shape.data_bits))),
                "abandon": Out(1),
                "dropped": Out(1),
                "malformed": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the accumulation pipeline, the two memories and the way out."""
        m = Module()
        shape = self.shape_
        active, first_gate, bank = Signal(), Signal(), Signal()
        at, left, first_frame = Signal(range(self.beats)), Signal(16), Signal(init=1)
        gates_left = Signal(range(shape.n_gates + 1))
        full, cancel = Signal(), Signal()  # full: sums of a gate are being delivered
        payload = self.i.payload
        starts = payload.first
        position = Mux(starts, 0, at)
        frames_left = Mux(starts | first_frame, self.frames, left)
        ends = position == self.beats - 1
        gate_ends = ends & (frames_left == 1)
        overrun = gate_ends & full
        wrong = (payload.last ^ ends) | (starts & active)
        taken = self.i.valid & self.i.ready
        belongs = taken & (starts | active)
        stored, lost = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(~self.wait | ~overrun),
            # A frame that starts within another one ends that one, and is itself complete.
            lost.eq(belongs & (overrun | (payload.last ^ ends))),
            stored.eq(belongs & ~lost),
            cancel.eq(self.abandon),
        ]
        is_first = Mux(starts, 1, first_gate)
        m.d.sync += [
            self.abandon.eq((lost & ~is_first) | (taken & starts & active & ~first_gate)),
            self.dropped.eq(belongs & overrun & ~wrong),
            self.malformed.eq(belongs & wrong),
        ]
        remaining = Mux(starts, shape.n_gates, gates_left)
        with m.If(stored):
            m.d.sync += [at.eq(Mux(ends, 0, position + 1)), active.eq(~(gate_ends & (remaining == 1)))]
            m.d.sync += [left.eq(frames_left - ends), first_frame.eq(gate_ends), first_gate.eq(is_first)]
            m.d.sync += gates_left.eq(remaining)
            with m.If(gate_ends):
                m.d.sync += [bank.eq(~bank), first_gate.eq(0), gates_left.eq(remaining - 1)]
        with m.Elif(belongs):
            m.d.sync += [active.eq(0), at.eq(0), first_frame.eq(1), first_gate.eq(0)]
        first = Mux(starts, 1, frames_left == self.frames)
        reads = self._accumulate(m, bank, position, first, stored)
        deliver = stored & gate_ends
        self._deliver(m, bank, reads, deliver=deliver, is_first=is_first, full=full, cancel=cancel)
        return m

    def _accumulate(self, m: Module, bank: Signal, at: Value, first: Value, stored: Value) -> list[Value]:
        """Build the memories and the read-modify-write pipeline of three stages; return their read ports.

        The same address recurs after a one-bit frame, which has more beats than the pipeline has stages.
        """
        shape = self.shape_
        bits = shape.count_bits
        readers, writers = [], []
        for index in range(2):
            memory = Memory(shape=shape.frame_bits * bits, depth=self.beats, init=[])
            m.submodules[f"sums_{index}"] = memory
            readers.append(memory.read_port())
            writers.append(memory.write_port())
        stage = [
            {"at": at, "first": first, "stored": stored, "bank": bank, "bits": self.i.payload.data},
        ]
        for number in range(2):
            following = {}
            for name, value in stage[-1].items():
                following[name] = delayed(m, value, 1, name=f"{name}_{number}", reset_less=name != "stored")
            stage.append(following)
        arrived, summed = stage[1], stage[2]
        found = Mux(arrived["bank"], readers[1].data, readers[0].data)
        new = []
        for pixel in range(shape.frame_bits):
            before = found.word_select(pixel, bits)
            bit = arrived["bits"][pixel]
            new.append(Mux(arrived["first"], bit, before + (bit & ~before.all()))[:bits])
        words = Signal(shape.frame_bits * bits, reset_less=True)
        m.d.sync += words.eq(Cat(*new))
        for index, writer in enumerate(writers):
            m.d.comb += [
                writer.addr.eq(summed["at"]),
                writer.data.eq(words),
                writer.en.eq(summed["stored"] & (summed["bank"] == index)),
            ]
        for index, reader in enumerate(readers):
            with m.If(bank == index):
                m.d.comb += reader.addr.eq(at)
        return readers

    def _deliver(
        self,
        m: Module,
        bank: Value,
        readers: list[Value],
        *,
        deliver: Value,
        is_first: Value,
        full: Signal,
        cancel: Value,
    ) -> None:
        """Deliver the sums of the other memory, a word at a time, in beats of the data width."""
        shape = self.shape_
        parts = shape.frame_bits // shape.beat_counts
        m.submodules.output = output = RegisterSlice(image_beat(shape.data_bits))
        word, part = Signal(range(self.beats + 1)), Signal(range(max(2, parts)))
        left, begins_frame = Signal(range(shape.image_beats + 1)), Signal()
        words = Signal(shape.frame_bits * shape.count_bits, reset_less=True)
        settling, reading, loaded, sent = Signal(2), Signal(), Signal(), Signal()
        m.d.comb += [
            output.i.valid.eq(loaded & ~cancel),
            output.i.payload.data.eq(words.word_select(part, shape.data_bits)),
            output.i.payload.first.eq(begins_frame),
            output.i.payload.last.eq(left == 1),
            sent.eq(output.i.valid & output.i.ready),
            self.o.valid.eq(output.o.valid & ~cancel),
            self.o.payload.eq(output.o.payload),
            output.o.ready.eq(self.o.ready | cancel),
            output.forget.eq(cancel),
        ]
        for index, reader in enumerate(readers):
            with m.If(bank != index):
                m.d.comb += reader.addr.eq(word)
        # The sums of the last beat are in the memory three clock cycles after it.
        m.d.sync += [settling.eq(Cat(deliver, settling[0])), reading.eq(settling[1])]
        with m.If(deliver):
            m.d.sync += [
                full.eq(1),
                word.eq(0),
                left.eq(shape.image_beats),
                begins_frame.eq(is_first),
                part.eq(0),
            ]
        with m.If(reading):  # the address was valid one clock cycle before
            m.d.sync += words.eq(Mux(bank, readers[0].data, readers[1].data))
            m.d.sync += [loaded.eq(1), word.eq(word + 1)]
        with m.If(sent):
            m.d.sync += [left.eq(left - 1), begins_frame.eq(0), part.eq(part + 1)]
            with m.If(left == 1):
                m.d.sync += [loaded.eq(0), full.eq(0)]
            with m.Elif(part == parts - 1):
                m.d.sync += [loaded.eq(0), part.eq(0), reading.eq(1)]
        with m.If(cancel):
            m.d.sync += [full.eq(0), loaded.eq(0), reading.eq(0), settling.eq(0)]
