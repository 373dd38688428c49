"""The two rings: every pixel state of a batch circulates through the pipeline of a step kernel."""

from amaranth.hdl import Cat, ClockSignal, Instance, Module, Mux, Signal, Value
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import Component, In, Out

from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.gateware.sequencer import Sequencer
from seq2seqlite.hardware.gateware.serial_arithmetic import copied, delayed

__all__ = ["Rings"]


class Rings(Component):
    """Encoder ring, decoder ring, head.

    The encoder's ring hands the last states of a batch to the decoder's while the next batch enters it: both
    work at any time. Neither ever stops in a batch.

    Parameters
    ----------
    shape : Shape
        Widths and lengths; a ring is as long as its kernel.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape_ = shape
        super().__init__(
            {
                "start": In(1),  # three clocks before the first input code
                "pixels": In(range(shape.slots + 1)),
                "code": In(shape.input_bits),
                "sink_start": Out(1),  # the clock before the first output
                "sink_pixels": Out(range(shape.slots + 1)),
                "sink_ends": In(1),
                "outputs": Out(len(shape.channels) * shape.program.formats.output.bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Return the rings, with the kernels as instances."""
        m = Module()
        shape = self.shape_
        m.submodules.encoding = encoding = Sequencer(shape.slots, shape.n_gates)
        m.submodules.decoding = decoding = Sequencer(shape.slots, shape.n_gates)
        encoded, decoded = Signal(shape.state_bits), Signal(shape.state_bits)
        encoder_state, decoder_state = Signal(shape.state_bits), Signal(shape.state_bits)
        # The encoder begins with zeros, the decoder with what the encoder ended with.
        m.d.comb += [
            encoding.start.eq(self.start),
            encoder_state.eq(self._begun(m, encoding, 0, encoded, "encoder")),
            decoder_state.eq(self._begun(m, decoding, encoded, decoded, "decoder")),
        ]
        clock = {"i_clk": ClockSignal()}
        m.submodules.encoder = Instance(
            "encoder_step", **clock, i_d=Cat(encoder_state, self.code), o_q=encoded
        )
        m.submodules.decoder = Instance("decoder_step", **clock, i_d=decoder_state, o_q=decoded)
        m.submodules.head = Instance("head", **clock, i_d=decoded, o_q=self.outputs)
        begins_last = encoding.run & encoding.last & (encoding.slot == 0)
        m.d.comb += decoding.start.eq(
            delayed(m, begins_last, shape.slots - 1, name="handed_over", reset_less=False)
        )
        # The first new state leaves the decoder a ring later, its outputs another head later.
        later = shape.slots + shape.head_latency + 2
        m.d.comb += self.sink_start.eq(delayed(m, decoding.start, later, name="decoded", reset_less=False))
        self._hand_on_pixels(m)
        return m

    def _begun(self, m: Module, sequencer: Sequencer, begin: Value | int, state: Value, name: str) -> Value:
        """Return the state of each unit, ``begin`` at the first gate, by a register of its own for each.

        One register for all would have too far to go; the sequencers run two clocks ahead for these.
        """
        begins = delayed(m, sequencer.first, 1, name=f"{name}_opens")
        units = self.shape_.program.units
        bits, chosen = len(state) // units, []
        for unit in range(units):
            first = copied(m, begins, name=f"{name}_begins_{unit}")
            zero = begin if isinstance(begin, int) else begin.word_select(unit, bits)
            chosen.append(Mux(first, zero, state.word_select(unit, bits)))
        return Cat(*(value[:bits] for value in chosen))

    def _hand_on_pixels(self, m: Module) -> None:
        """Keep how many pixels each batch under way has, for the sink."""
        m.submodules.batches = batches = SyncFIFO(width=len(self.pixels), depth=4)
        m.d.comb += [
            batches.w_en.eq(self.start),
            batches.w_data.eq(self.pixels),
            batches.r_en.eq(self.sink_ends),
            self.sink_pixels.eq(batches.r_data),
        ]
