"""Packets between a network and the core: checks, buffers and clock domain crossing."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from seq2seqlite.hardware.boards.packet_port import PacketPort
from seq2seqlite.hardware.boards.packet_store import PacketStore

from .ports import simulate


def made_up_packets(lengths, seed=0):
    """Return packets (peer, words) of the given numbers of words."""
    rng = np.random.default_rng(seed)
    return [
        (int(rng.integers(1 << 48)), [int(word) for word in rng.integers(1 << 32, size=length)])
        for length in lengths
    ]


def exchanged(packets, *, damage=None, pause=0.3):
    """Return what the core received and the network got back, and the number of dropped packets.

    ``damage`` gives the difference of the length and the error flag of a packet, by its index.
    """
    port, rng = PacketPort(), np.random.default_rng(1)
    sent_back, damage = [], damage or {}

    async def feed(ctx):
        for index, (peer, words) in enumerate(packets):
            difference, error = damage.get(index, (0, 0))
            ctx.set(port.i_peer, peer)
            ctx.set(port.i_length, 4 * len(words) + difference)
            for place, word in enumerate(words):
                last = place == len(words) - 1
                ctx.set(port.i_valid, 1)
                ctx.set(port.i_data, word)
                ctx.set(port.i_last, int(last))
                ctx.set(port.i_error, int(last and error))
                await ctx.tick("network").until(port.i_ready)
                if rng.random() < pause:
                    ctx.set(port.i_valid, 0)
                    await ctx.tick("network")
            ctx.set(port.i_valid, 0)

    simulator, received, dropped = simulate(
        port, feed, until=lambda: len(sent_back) + dropped[0] == len(packets)
    )

    async def network(ctx):
        packet = []
        while True:
            ctx.set(port.o_ready, int(rng.random() < 0.8))
            _, _, valid, ready, data, last, peer, length = await ctx.tick("network").sample(
                port.o_valid, port.o_ready, port.o_data, port.o_last, port.o_peer, port.o_length
            )
            assert valid or not packet, "an Ethernet frame must not pause"
            if valid and ready:
                packet.append(data)
                if last:
                    assert length == 4 * len(packet)
                    sent_back.append((peer, packet))
                    packet = []

    simulator.add_testbench(network, background=True)
    simulator.run()
    return received, sent_back, dropped[0]


def test_packets_arrive_and_return_with_their_peers():
    packets = made_up_packets([5, 368, 5, 17])
    received, sent_back, dropped = exchanged(packets)
    assert received == packets
    assert sent_back == packets
    assert dropped == 0


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param((0, 1), id="error flag"),
        pytest.param((-1, 0), id="not a multiple of 4"),
        pytest.param((4, 0), id="cut off"),
    ],
)
def test_damaged_packets_are_dropped_and_counted(damage):
    packets = made_up_packets([9, 8, 7])
    received, sent_back, dropped = exchanged(packets, damage={1: damage})
    assert received == sent_back == [packets[0], packets[2]]
    assert dropped == 1


def test_packets_of_a_wrong_length_are_dropped_and_counted():
    packets = made_up_packets([5, 4, 369, 6])
    received, sent_back, dropped = exchanged(packets, pause=0)
    assert received == sent_back == [packets[0], packets[3]]
    assert dropped == 2


@pytest.mark.parametrize("drop", [True, False])
def test_a_full_store_drops_whole_packets_or_waits(drop):
    store = PacketStore(64, low=3, high=20, drop=drop)
    packets = [words for _, words in made_up_packets([20] * 5 + [3, 20])]
    received, dropped = [], []

    async def source(ctx):
        for words in packets:
            ctx.set(store.i.valid, 1)
            for place, word in enumerate(words):
                ctx.set(store.i.payload, {"data": word, "last": place == len(words) - 1})
                await ctx.tick().until(store.i.ready)
            ctx.set(store.i.valid, 0)
            await ctx.tick().repeat(2)
        await ctx.tick().repeat(300)

    async def sink(ctx):
        await ctx.tick().repeat(115)  # until the fourth packet is complete and the store is full
        ctx.set(store.o.ready, 1)
        packet = []
        async for _, _, valid, payload, lost in ctx.tick().sample(
            store.o.valid, store.o.payload, store.dropped
        ):
            dropped.append(lost)
            if valid:
                packet.append(payload.data)
                if payload.last:
                    received.append(packet)
                    packet = []

    simulator = Simulator(store)
    simulator.add_clock(1e-8)
    simulator.add_testbench(source)
    simulator.add_testbench(sink, background=True)
    simulator.run()
    lost = [packet for packet in packets if packet not in received]
    assert received == [packet for packet in packets if packet not in lost], "whole packets in order"
    assert received[-1] == packets[-1]
    assert len(lost) == (2 if drop else 0)
