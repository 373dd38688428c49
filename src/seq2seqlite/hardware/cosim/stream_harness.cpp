// Drives a design through the ports of docs/spec/hardware.md: AXI4-Stream in and out with random source and sink
// throttling, AXI4-Lite before, during and after the stream. With MEMORY_BITS, a memory answers the AXI4 manager m_axi_*;
// with USER_BITS > 0, the last word of an input beat drives s_axis_tuser.
// usage: simulate STIMULUS RECORD   (little-endian files, written and read by stream.py)
#include "Vtop.h"
#include "axi_memory.h"
#include "harness.h"
#include "verilated.h"

#include <memory>
#include <vector>

// TUSER of the input, if the design has it, is the last word of a beat.
constexpr int BEAT_WORDS = IN_WORDS + (USER_BITS > 0);

template <typename Top> void put_user(Top& top, const uint32_t* beat) {
    if constexpr (USER_BITS > 0) put<USER_BITS>(top.s_axis_tuser, beat + IN_WORDS);
}

enum End : uint64_t { DONE = 0, STALLED = 1, CLOCK_LIMIT = 2, REGISTERS_HANG = 3 };

struct Settings {  // header of STIMULUS
    uint64_t n_beats, n_expected;       // input and output beats
    uint64_t n_first, n_during, n_last;  // CSR accesses before, during and after the stream
    uint64_t gap, stall;                            // probabilities in 1/2**32
    uint64_t seed, reset_clocks, drain_clocks, idle_limit, clock_limit;
    MemorySettings memory;
};

struct Access {  // CSR access; a read is repeated until it has one of the bits of `until`, if that is not 0
    uint32_t write, address, data, until;
    uint64_t after_beats;  // during the stream: not before this number of input beats was accepted
};

class Bench {
public:
    Bench(const Settings& s, FILE* file) : settings(s), random(s.seed), data(s.n_beats * BEAT_WORDS), last(s.n_beats) {
        accesses.resize(s.n_first + s.n_during + s.n_last);
        complete = load(file, accesses.data(), accesses.size()) && load(file, data.data(), data.size())
            && load(file, last.data(), last.size());
        in_clock.reserve(s.n_beats);
        context.randReset(2);  // the initial values of registers without reset must not matter
        context.randSeed(int(s.seed & 0x7fffffff));
        top = std::make_unique<Vtop>(&context);
#ifdef MEMORY_BITS
        memory = std::make_unique<AxiMemory<Vtop>>(s.memory, s.seed + 1);
#endif
    }

    bool complete;

    void run() {
        top->aresetn = 0;
        idle_bus();
        for (uint64_t i = 0; i < settings.reset_clocks; ++i) edge();
        top->aresetn = 1;
        if (access(settings.n_first) && stream()) access(accesses.size());
        top->final();
    }

    bool write(const char* name) const {
        FILE* file = std::fopen(name, "wb");
        if (!file) return false;
        const uint64_t head[] = {end, clocks, unstable, in_clock.size(), out_clock.size(), answers.size() / 2};
        MemoryTraffic traffic;
#ifdef MEMORY_BITS
        traffic = memory->traffic;
#endif
        bool good = save(file, head, 6) && save(file, &traffic, 1) && save(file, in_clock.data(), in_clock.size())
            && save(file, out_clock.data(), out_clock.size()) && save(file, out_data.data(), out_data.size())
            && save(file, answers.data(), answers.size()) && save(file, out_last.data(), out_last.size());
        return !std::fclose(file) && good;
    }

private:
    const Settings settings;
    Random random;
    VerilatedContext context;
    std::unique_ptr<Vtop> top;
#ifdef MEMORY_BITS
    std::unique_ptr<AxiMemory<Vtop>> memory;
#endif
    std::vector<Access> accesses;
    std::vector<uint32_t> data, out_data, answers;
    std::vector<uint8_t> last, out_last;
    std::vector<uint64_t> in_clock, out_clock;
    uint64_t clocks = 0, moved = 0, unstable = 0, next = 0, next_access = 0;
    bool offered = false, held = false, streaming = false;
    uint32_t held_data[OUT_WORDS] = {}, held_last = 0;
    End end = DONE;

    void idle_bus() {
        top->aclk = 0;
        top->s_axil_awvalid = top->s_axil_wvalid = top->s_axil_bready = 0;
        top->s_axil_arvalid = top->s_axil_rready = 0;
    }

    // Requires that no output of the AXI4 manager depends on its inputs of the same clock cycle.
    void settle() {
        top->aclk = 0;
#ifdef MEMORY_BITS
        memory->drive(*top, clocks);
#endif
        top->eval();
    }

    void rise() {
#ifdef MEMORY_BITS
        if (top->aresetn) memory->take(*top, clocks);
#endif
        top->aclk = 1;
        top->eval();
        ++clocks;
    }

    // One clock cycle without transfers of the streams. Offered results are not accepted, but checked for stability.
    void edge() {
        top->s_axis_tvalid = 0;
        top->m_axis_tready = 0;
        settle();
        if (top->aresetn) watch(false);
        rise();
    }

    // A beat that is offered must not change before it is accepted.
    void watch(bool taken) {
        const bool valid = top->m_axis_tvalid;
        uint32_t now[OUT_WORDS];
        get<OUT_BITS>(top->m_axis_tdata, now);
        if (held) {
            bool same = valid && held_last == top->m_axis_tlast;
            for (int i = 0; i < OUT_WORDS; ++i) same = same && now[i] == held_data[i];
            unstable += !same;
        }
        held = valid && !taken;
        held_last = top->m_axis_tlast;
        for (int i = 0; i < OUT_WORDS; ++i) held_data[i] = now[i];
        if (valid && taken) {
            out_data.insert(out_data.end(), now, now + OUT_WORDS);
            out_last.push_back(top->m_axis_tlast);
            out_clock.push_back(clocks);
            moved = clocks;
        }
    }

    bool stream() {
        moved = clocks;
        streaming = true;
        const uint64_t n_accesses = settings.n_first + settings.n_during;
        while (true) {
            if (next_access < n_accesses && next >= accesses[next_access].after_beats && !access(next_access + 1))
                return false;
            const bool all = next == settings.n_beats && next_access == n_accesses
                && out_clock.size() >= settings.n_expected;
            if (all && clocks - moved >= settings.drain_clocks) break;
            if (clocks - moved > settings.idle_limit) return stop(STALLED);
            if (clocks >= settings.clock_limit) return stop(CLOCK_LIMIT);
            beat();
        }
        streaming = false;
        return true;
    }

    void beat() {
        if (!offered && next < settings.n_beats && !random.happens(settings.gap)) {
            offered = true;
            put<IN_BITS>(top->s_axis_tdata, &data[next * BEAT_WORDS]);
            put_user(*top, &data[next * BEAT_WORDS]);
            top->s_axis_tlast = last[next];
        }
        top->s_axis_tvalid = offered;
        const bool ready = !random.happens(settings.stall);
        top->m_axis_tready = ready;
        settle();
        if (offered && top->s_axis_tready) {
            in_clock.push_back(clocks);
            moved = clocks;
            ++next;
            offered = false;
        }
        watch(ready);
        rise();
    }

    bool stop(End why) {
        end = why;
        return false;
    }

    // Perform the next accesses, up to one of them.
    bool access(uint64_t to) {
        for (; next_access < to; ++next_access) {
            const Access& what = accesses[next_access];
            const bool done = what.write ? write_register(what) : read_register(what);
            if (!done) return stop(REGISTERS_HANG);
        }
        return true;
    }

    // One clock cycle of an access. No output of the CSRs depends on the streams in the same clock cycle.
    void step() {
        if (streaming) beat();
        else edge();
    }

    bool write_register(const Access& what) {
        bool address = true, word = true, response = true;
        top->s_axil_awaddr = what.address;
        top->s_axil_wdata = what.data;
        top->s_axil_wstrb = 0xf;
        top->s_axil_bready = 1;
        for (uint64_t i = 0; i < settings.idle_limit && response; ++i) {
            top->s_axil_awvalid = address;
            top->s_axil_wvalid = word;
            settle();
            const bool took_address = top->s_axil_awready, took_word = top->s_axil_wready;
            // A response is valid only after address and data were accepted; AXI forbids it in the same cycle.
            if (!address && !word && top->s_axil_bvalid) {
                answers.insert(answers.end(), {top->s_axil_bresp, what.data});
                response = false;
            }
            step();
            address = address && !took_address;
            word = word && !took_word;
        }
        idle_bus();
        return !response;
    }

    bool read_register(const Access& what) {
        bool address = true, response = true;
        top->s_axil_araddr = what.address;
        top->s_axil_rready = 1;
        for (uint64_t i = 0; i < settings.idle_limit && response; ++i) {
            top->s_axil_arvalid = address;
            settle();
            const bool took = top->s_axil_arready;
            bool again = false;
            if (!address && top->s_axil_rvalid) {
                again = what.until && !(top->s_axil_rdata & what.until);
                response = again;
                if (!again) answers.insert(answers.end(), {top->s_axil_rresp, top->s_axil_rdata});
            }
            step();
            address = again || (address && !took);
        }
        idle_bus();
        return !response;
    }
};

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    FILE* file = std::fopen(argv[1], "rb");
    Settings settings;
    if (!file || !load(file, &settings, 1)) return 3;
    Bench bench{settings, file};
    std::fclose(file);
    if (!bench.complete) return 3;
    bench.run();
    return bench.write(argv[2]) ? 0 : 4;
}
