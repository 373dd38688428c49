// Memory with random latency behind the AXI4 manager m_axi_* of a design, and checks of the manager.
// MEMORY_BITS is the width of its data. One ID: bursts are answered in order.
#pragma once

#include "harness.h"

#include <deque>
#include <vector>

struct MemorySettings {      // all zero: no memory
    uint64_t bytes;          // size; addresses beyond it are violations
    uint64_t stall;          // probability per cycle and channel that it pauses, in 1/2**32
    uint64_t latency, jitter;  // clock cycles from the address to the first beat, or from the last beat to the response
    uint64_t refresh_every, refresh_clocks;  // period and length of pauses of all channels; 0: none
};

struct MemoryTraffic {
    uint64_t beats_read = 0, beats_written = 0, bursts_read = 0, bursts_written = 0;
    uint64_t violations = 0;     // of the AXI rules: changed or withdrawn offers, WLAST, 4 KiB, size, type, address
};

#ifdef MEMORY_BITS
template <typename Top> class AxiMemory {
public:
    AxiMemory(const MemorySettings& s, uint64_t seed) : settings(s), random(seed), data(s.bytes) {
        for (auto& byte : data) byte = uint8_t(random.below(256));  // what was never written must not matter
    }

    MemoryTraffic traffic;

    // Before the rising edge: drive the inputs of the design. The outputs of the design are settled.
    void drive(Top& top, uint64_t clock) {
        const bool paused = settings.refresh_every && clock % settings.refresh_every < settings.refresh_clocks;
        top.m_axi_awready = !paused && writes.size() + responses.size() < DEPTH && !pauses();
        top.m_axi_arready = !paused && reads.size() < DEPTH && !pauses();
        top.m_axi_wready = !paused && !writes.empty() && !pauses();
        if (!b_offered && !responses.empty() && clock >= responses.front() && !pauses()) b_offered = true;
        top.m_axi_bvalid = b_offered;
        top.m_axi_bresp = 0;
        if (!r_offered && !paused && !reads.empty() && clock >= reads.front().due && !pauses()) r_offered = true;
        top.m_axi_rvalid = r_offered;
        top.m_axi_rresp = 0;
        uint32_t words[words_of(MEMORY_BITS)] = {};
        if (r_offered) {
            const Burst& read = reads.front();
            fetch(read.address + read.beat * BYTES, words);
            top.m_axi_rlast = read.beat == read.beats - 1;
        }
        put<MEMORY_BITS>(top.m_axi_rdata, words);
    }

    // At the rising edge, with settled handshakes.
    void take(const Top& top, uint64_t clock) {
        address(aw, top.m_axi_awvalid, top.m_axi_awready, top.m_axi_awaddr, top.m_axi_awlen, top.m_axi_awsize,
            top.m_axi_awburst);
        address(ar, top.m_axi_arvalid, top.m_axi_arready, top.m_axi_araddr, top.m_axi_arlen, top.m_axi_arsize,
            top.m_axi_arburst);
        data_beat(top, clock);
        if (b_offered && top.m_axi_bready) {
            b_offered = false;
            responses.pop_front();
        }
        if (r_offered && top.m_axi_rready) {
            r_offered = false;
            ++traffic.beats_read;
            if (++reads.front().beat == reads.front().beats) {
                reads.pop_front();
                if (!reads.empty() && reads.front().due < clock + 1) reads.front().due = clock + 1;
            }
        }
        const uint64_t due = clock + 1 + settings.latency;
        if (top.m_axi_awvalid && top.m_axi_awready) {
            writes.push_back({top.m_axi_awaddr, uint64_t(top.m_axi_awlen) + 1, 0, 0});
            ++traffic.bursts_written;
        }
        if (top.m_axi_arvalid && top.m_axi_arready) {
            reads.push_back({top.m_axi_araddr, uint64_t(top.m_axi_arlen) + 1, 0, due + random.below(settings.jitter)});
            ++traffic.bursts_read;
        }
    }

private:
    static constexpr uint64_t BYTES = MEMORY_BITS / 8;
    static constexpr size_t DEPTH = 8;
    struct Burst {
        uint64_t address, beats, beat, due;
    };
    struct Offer {
        bool held = false;
        uint64_t address = 0, length = 0;
    };
    const MemorySettings settings;
    Random random;
    std::vector<uint8_t> data;
    std::deque<Burst> writes, reads;  // due: of reads, when the first beat may be offered
    std::deque<uint64_t> responses;   // when each may be offered
    Offer aw, ar;
    bool b_offered = false, r_offered = false, w_held = false, w_last = false;
    uint32_t w_words[words_of(MEMORY_BITS)] = {};

    bool pauses() { return random.happens(settings.stall); }

    void address(Offer& offer, bool valid, bool ready, uint64_t at, uint64_t length, uint64_t size, uint64_t type) {
        const bool changed = offer.held && (!valid || offer.address != at || offer.length != length);
        const uint64_t bytes = (length + 1) * BYTES;
        const bool wrong = valid
            && ((1u << size) != BYTES || type != 1 || at % BYTES || at / 4096 != (at + bytes - 1) / 4096
                || at + bytes > data.size());
        traffic.violations += changed || (wrong && !offer.held);
        offer = {valid && !ready, at, length};
    }

    void data_beat(const Top& top, uint64_t clock) {
        uint32_t words[words_of(MEMORY_BITS)];
        get<MEMORY_BITS>(top.m_axi_wdata, words);
        bool changed = w_held && (!top.m_axi_wvalid || w_last != bool(top.m_axi_wlast));
        for (int i = 0; w_held && i < words_of(MEMORY_BITS); ++i) changed = changed || words[i] != w_words[i];
        traffic.violations += changed;
        w_held = top.m_axi_wvalid && !top.m_axi_wready;
        w_last = top.m_axi_wlast;
        for (int i = 0; i < words_of(MEMORY_BITS); ++i) w_words[i] = words[i];
        if (!top.m_axi_wvalid || !top.m_axi_wready) return;
        Burst& write = writes.front();
        const bool last = write.beat == write.beats - 1;
        traffic.violations += last != bool(top.m_axi_wlast);
        for (uint64_t i = 0; i < BYTES; ++i)
            if (write.address + write.beat * BYTES + i < data.size() && (top.m_axi_wstrb >> i & 1))
                data[write.address + write.beat * BYTES + i] = uint8_t(words[i / 4] >> i % 4 * 8);
        ++traffic.beats_written;
        if (++write.beat < write.beats) return;
        writes.pop_front();
        responses.push_back(clock + 1 + settings.latency + random.below(settings.jitter));
    }

    void fetch(uint64_t at, uint32_t* words) const {
        for (uint64_t i = 0; i < BYTES; ++i)
            if (at + i < data.size()) words[i / 4] |= uint32_t(data[at + i]) << i % 4 * 8;
    }
};
#endif
