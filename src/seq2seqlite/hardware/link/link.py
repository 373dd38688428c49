"""Link between packets and the buses of a design, as specified in docs/spec/link.md."""

from typing import Any

from amaranth.hdl import Module, Mux, ResetInserter, Value
from amaranth.lib.wiring import Component, In, Member, Out

from seq2seqlite.hardware.gateware.axi_lite import ADDRESS_BITS
from seq2seqlite.hardware.gateware.parameters import Shape
from seq2seqlite.hardware.link.answers import AnswerSender, ResultQueue
from seq2seqlite.hardware.link.executor import Executor
from seq2seqlite.hardware.link.packet_buffer import PacketBuffer
from seq2seqlite.hardware.link.pixel_feeder import PixelFeeder
from seq2seqlite.hardware.link.register_access import axi_lite_manager
from seq2seqlite.hardware.link.register_requests import RegisterRequests
from seq2seqlite.hardware.link.status import StatusBody
from seq2seqlite.hardware.wire.link_packets import PEER_BITS, max_pixels

__all__ = ["Link", "design_ports", "packet_ports", "passed"]

BUFFER_WORDS = 2048
"""Words of the buffer of requests: at least five of the largest."""
MAX_REQUESTS = 64
"""Pixels requests in the design."""
N_EVENTS = 5


def packet_ports() -> dict[str, Member]:
    """Return the ports for packets by name."""
    return {
        "rx_data": In(32),
        "rx_valid": In(1),
        "rx_ready": Out(1),
        "rx_last": In(1),
        "rx_peer": In(PEER_BITS),
        "rx_dropped": In(1),
        "tx_data": Out(32),
        "tx_valid": Out(1),
        "tx_ready": In(1),
        "tx_last": Out(1),
        "tx_peer": Out(PEER_BITS),
        "tx_length": Out(16),
    }


def design_ports(shape: Shape, result_width: int, /) -> dict[str, Member]:
    """Return the ports to a design by their names at the design, except for the clock."""
    return {
        "aresetn": Out(1),
        "s_axis_tdata": Out(shape.beat_bits),
        "s_axis_tvalid": Out(1),
        "s_axis_tready": In(1),
        "s_axis_tlast": Out(1),
        **({"s_axis_tuser": Out(shape.user_bits)} if shape.user_bits else {}),
        "m_axis_tdata": In(result_width),
        "m_axis_tvalid": In(1),
        "m_axis_tready": Out(1),
        **{f"s_axil_{name}": member for name, member in axi_lite_manager().items()},
    }


class Link(Component):
    """Link between packets and the buses of a design.

    Parameters
    ----------
    shape : Shape
        Parameters of an engine.
    engines : int
        Number of engines.
    result_width : int
        Width of a beat of results.

    Attributes
    ----------
    rx_*, tx_* : in, out
        Packets; see docs/spec/link.md.
    aresetn, s_axis_*, m_axis_*, s_axil_* : out, in
        Reset and buses of the design, with their names there.
    """

    camera = False
    address_bits = ADDRESS_BITS
    n_inputs = 0

    def __init__(self, shape: Shape, engines: int, result_width: int) -> None:
        self.shape_, self.engines, self.result_width = shape, engines, result_width
        super().__init__({**packet_ports(), **design_ports(shape, result_width)})

    def elaborate(self, platform: object) -> Module:
        """Connect the buffer, the executor and the sender of answers."""
        m = Module()
        most, *limits = self._limits()
        m.submodules.buffer = buffer = PacketBuffer(BUFFER_WORDS)
        m.submodules.status = status = StatusBody((most, *limits), N_EVENTS, self._constants(), self.n_inputs)
        m.submodules.executor = executor = Executor(self.shape_, most, status.n_words, camera=self.camera)
        m.submodules.sender = sender = AnswerSender()
        registers = RegisterRequests(self.address_bits)
        m.submodules.registers = registers
        self._packets(m, buffer, executor, sender)
        self._registers(m, executor, registers)
        body = Mux(executor.is_access, registers.answer_word, status.word)
        body = self._results(m, buffer, executor, sender, body)
        m.d.comb += [
            registers.word.eq(buffer.word),
            sender.session.eq(executor.session),
            sender.hold.eq(executor.hold),
            sender.control.valid.eq(executor.answer.valid),
            sender.control.payload.eq(executor.answer.payload),
            executor.answer.ready.eq(sender.control.ready),
            status.index.eq(sender.index),
            registers.index.eq(sender.index),
        ]
        events = (
            buffer.received,
            buffer.malformed + executor.malformed,
            executor.refused,
            sender.tx_valid & sender.tx_ready & sender.tx_last,
            self.rx_dropped,
        )
        for number, event in enumerate(events):
            m.d.comb += status.events.word_select(number, 2).eq(event)
        m.d.comb += sender.control_word.eq(Mux(executor.error != 0, executor.kind, body))
        m.d.sync += self.aresetn.eq(~executor.reset_design)
        return m

    def _limits(self) -> tuple[int, int, int, int]:
        """Return the limits of a status answer, from the largest number of pixels of a request."""
        shape = self.shape_
        has_user, record_bits = bool(shape.user_bits), shape.record_bits
        most = max_pixels(shape.n_gates, 8, has_user=has_user, record_bits=record_bits)
        inside = 2 * shape.slots * self.engines  # two banks of the buffer of pixels
        return most, MAX_REQUESTS, inside, BUFFER_WORDS

    def _constants(self) -> tuple[int, ...]:
        """Return the words of a status answer behind the counters."""
        return ()

    def _results(
        self, m: Module, buffer: PacketBuffer, executor: Executor, sender: AnswerSender, body: Value
    ) -> Value:
        """Connect the pixels and the results; return the body of an answer of the executor."""
        most = executor.max_pixels
        feeder = PixelFeeder(self.shape_, most)
        results = ResultQueue(self.shape_, self.result_width, MAX_REQUESTS, most)
        m.submodules.feeder = ResetInserter(executor.reset_queues)(feeder)
        m.submodules.results = ResetInserter(executor.reset_queues)(results)
        self._pixels(m, executor, feeder, results, sender)
        m.d.comb += [feeder.word.eq(buffer.word), executor.idle.eq(sender.idle)]
        return body

    def _packets(self, m: Module, buffer: PacketBuffer, executor: Executor, sender: AnswerSender) -> None:
        m.d.comb += [
            buffer.data.eq(self.rx_data),
            buffer.valid.eq(self.rx_valid),
            buffer.last.eq(self.rx_last),
            buffer.peer.eq(self.rx_peer),
            self.rx_ready.eq(buffer.ready),
            *passed(executor, buffer, "present", "n_words", "sender", "word"),
            *passed(buffer, executor, "advance", "remove"),
            *passed(self, sender, "tx_data", "tx_valid", "tx_last", "tx_peer", "tx_length"),
            sender.tx_ready.eq(self.tx_ready),
        ]

    def _registers(self, m: Module, executor: Executor, registers: RegisterRequests) -> None:
        for name, port in axi_lite_manager(address_bits=self.address_bits).items():
            own, outer = getattr(registers, name), getattr(self, f"s_axil_{name}")
            m.d.comb += outer.eq(own) if port.flow is Out else own.eq(outer)
        m.d.comb += [
            *passed(registers, executor, "sequence", "accesses"),
            registers.start.eq(executor.access),
            registers.forget.eq(executor.opened),
            *passed(executor, registers, "is_next", "is_last", "executed"),
            executor.access_words.eq(registers.body_words),
            executor.accessing.eq(registers.busy),
            executor.access_advance.eq(registers.advance),
        ]

    def _pixels(
        self, m: Module, executor: Executor, feeder: PixelFeeder, results: ResultQueue, sender: AnswerSender
    ) -> None:
        m.d.comb += [
            *passed(feeder, executor, "pixels", "narrow"),
            feeder.start.eq(executor.feed),
            executor.feeding.eq(feeder.busy),
            executor.feed_advance.eq(feeder.advance),
            self.s_axis_tdata.eq(feeder.o.payload.data),
            self.s_axis_tvalid.eq(feeder.o.valid),
            self.s_axis_tlast.eq(feeder.o.payload.last),
            *([self.s_axis_tuser.eq(feeder.o.payload.user)] if self.shape_.user_bits else []),
            feeder.o.ready.eq(self.s_axis_tready),
            *passed(results, executor, "add", "sequence", "pixels"),
            results.peer.eq(executor.sender),
            executor.room.eq(results.room),
            results.data.eq(self.m_axis_tdata),
            results.valid.eq(self.m_axis_tvalid),
            self.m_axis_tready.eq(results.ready),
            sender.pixels_complete.eq(results.complete),
            sender.pixels.eq(results.answer),
            sender.pixels_word.eq(results.word),
            results.take.eq(sender.pixels_take),
            results.advance.eq(sender.pixels_advance),
        ]


def passed(to: Any, of: Any, /, *names: str) -> list[Any]:
    """Return assignments of ports with the same names."""
    return [getattr(to, name).eq(getattr(of, name)) for name in names]
