"""Rings, in which the pixel states of a batch circulate through a step kernel."""

from amaranth.hdl import Cat, ClockSignal, Instance, Module, Mux, Signal, Value
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.pipeline import copied, delayed
from seq2seqlite.hardware.gateware.sequencer import Sequencer

__all__ = ["EncoderRing", "Rings"]


class EncoderRing(Component):
    """Encoder ring of a direct engine. It delivers the last state of each pixel of a batch.

    A ring cannot stall within a batch.

    Parameters
    ----------
    shape : Shape
        Parameters of the engine. The number of slots equals the latency of the step kernel.

    Attributes
    ----------
    start : Signal(1), in
        Starts a batch; asserted three clock cycles before the first input codes.
    pixels : Signal(range(slots + 1)), in
        Number of pixels of the batch, valid with ``start``.
    codes : Signal(input_bits + response_bits), in
        Input code and codes of the response of one slot and gate, a new slot in each clock cycle.
    valid : Signal(1), out
        High when ``state`` is the last state of a pixel. The pixels of a batch follow one another.
    state : Signal(state_bits), out
        State of one slot.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape_ = shape
        super().__init__(
            {
                "start": In(1),
                "pixels": In(range(shape.slots + 1)),
                "codes": In(shape.input_bits + shape.response_bits),
                "valid": Out(1),
                "state": Out(shape.state_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the ring, with the kernel as an instance."""
        m = Module()
        shape = self.shape_
        m.submodules.encoding = encoding = Sequencer(shape.slots, shape.n_gates)
        m.d.comb += encoding.start.eq(self.start)
        states = _states(m, encoding, 0, self.state, name="encoder", units=shape.program.units)
        m.submodules.encoder = Instance(
            f"{shape.prefix}encoder_step", i_clk=ClockSignal(), i_d=Cat(states, self.codes), o_q=self.state
        )
        n_pixels = Signal(range(shape.slots + 1))
        with m.If(self.start):
            m.d.sync += n_pixels.eq(self.pixels)
        leaves = Signal()
        m.d.sync += leaves.eq(encoding.run & encoding.last & (encoding.slot < n_pixels))
        # The sequencer runs two clock cycles ahead of the kernel, which has a latency of ``slots``.
        m.d.comb += self.valid.eq(delayed(m, leaves, shape.slots + 1, name="leaves", reset_less=False))
        return m


class Rings(Component):
    """Encoder ring, decoder ring and head.

    The encoder ring passes the final states of a batch to the decoder ring while the next batch enters, so
    that both rings are busy. A ring cannot stall within a batch.

    Parameters
    ----------
    shape : Shape
        Parameters of the engine. The number of slots equals the latency of the step kernels.

    Attributes
    ----------
    start : Signal(1), in
        Starts a batch; asserted three clock cycles before the first input code.
    pixels : Signal(range(slots + 1)), in
        Number of pixels of the batch, valid with ``start``.
    codes : Signal(input_bits + response_bits), in
        Input code and codes of the response of one slot and gate, a new slot in each clock cycle.
    sink_start : Signal(1), out
        Asserted in the clock cycle before the first ``outputs`` of a batch.
    sink_pixels : Signal(range(slots + 1)), out
        Number of pixels of the batch at ``outputs``.
    sink_ends : Signal(1), in
        Asserted by the sink in the last clock cycle of its batch.
    outputs : Signal(channels * output bits), out
        Outputs of the head for one slot and gate.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape_ = shape
        super().__init__(
            {
                "start": In(1),
                "pixels": In(range(shape.slots + 1)),
                "codes": In(shape.input_bits + shape.response_bits),
                "sink_start": Out(1),
                "sink_pixels": Out(range(shape.slots + 1)),
                "sink_ends": In(1),
                "outputs": Out(len(shape.channels) * shape.program.formats.output.bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the rings, with the kernels as instances."""
        m = Module()
        shape = self.shape_
        m.submodules.encoding = encoding = Sequencer(shape.slots, shape.n_gates)
        m.submodules.decoding = decoding = Sequencer(shape.slots, shape.n_gates)
        encoded, decoded = Signal(shape.state_bits), Signal(shape.state_bits)
        encoder_state, decoder_state = Signal(shape.state_bits), Signal(shape.state_bits)
        units = shape.program.units
        # The initial state is zero for the encoder, and the final encoder state for the decoder.
        m.d.comb += [
            encoding.start.eq(self.start),
            encoder_state.eq(_states(m, encoding, 0, encoded, name="encoder", units=units)),
            decoder_state.eq(_states(m, decoding, encoded, decoded, name="decoder", units=units)),
        ]
        prefix, clock = shape.prefix, {"i_clk": ClockSignal()}
        m.submodules.encoder = Instance(
            f"{prefix}encoder_step", **clock, i_d=Cat(encoder_state, self.codes), o_q=encoded
        )
        m.submodules.decoder = Instance(f"{prefix}decoder_step", **clock, i_d=decoder_state, o_q=decoded)
        m.submodules.head = Instance(f"{prefix}head", **clock, i_d=decoded, o_q=self.outputs)
        begins_last = encoding.run & encoding.last & (encoding.slot == 0)
        m.d.comb += decoding.start.eq(
            delayed(m, begins_last, shape.slots - 1, name="handed_over", reset_less=False)
        )
        # The first new state leaves the decoder after one turn of the ring, then passes through the head.
        latency = shape.slots + shape.head_latency + 2
        m.d.comb += self.sink_start.eq(delayed(m, decoding.start, latency, name="decoded", reset_less=False))
        self._track_pixels(m)
        return m

    def _track_pixels(self, m: Module) -> None:
        """Queue the number of pixels of each batch in progress, for the sink."""
        m.submodules.batches = batches = SyncFIFO(width=len(self.pixels), depth=4)
        m.d.comb += [
            batches.w_en.eq(self.start),
            batches.w_data.eq(self.pixels),
            batches.r_en.eq(self.sink_ends),
            self.sink_pixels.eq(batches.r_data),
        ]


def _states(
    m: Module, sequencer: Sequencer, initial: Value | int, state: Value, *, name: str, units: int
) -> Value:
    """Return the state of each unit, replaced by ``initial`` at the first gate.

    The select signal has a duplicated register for each unit, to limit fan-out and wire length. The
    sequencers therefore run two clock cycles ahead.
    """
    is_first = delayed(m, sequencer.first, 1, name=f"{name}_opens")
    bits, states = len(state) // units, []
    for unit in range(units):
        first = copied(m, is_first, name=f"{name}_begins_{unit}")
        unit_initial = initial if isinstance(initial, int) else initial.word_select(unit, bits)
        states.append(Mux(first, unit_initial, state.word_select(unit, bits)))
    return Cat(*(value[:bits] for value in states))
