// Resets a design many times while pixels stream through it, and checks every beat, number and counter afterwards.
// usage: simulate STIMULUS   (little-endian, written by test_resets.py); prints one line of totals, then one a fault.
//
// hard: aresetn is low for `reset_cycles` cycles.  soft: CONTROL is written while packets arrive.
// Most resets are aimed at the few cycles in which a result passes from the reducer to the collector: the next one comes
// about as long after the last as that came after the one before. The other moments are uniform.
#include "Vtop.h"
#include "harness.h"
#include "verilated.h"

#include <memory>
#include <string>
#include <vector>

constexpr int BEATS = 128 / OUT_BITS;  // of a result
constexpr uint32_t CONTROL = 0x14, FRAME_PIXELS = 0x18, PIXELS_IN = 0x24, PIXELS_OUT = 0x28, FRAMES_OUT = 0x40;
constexpr uint64_t IDLE_LIMIT = 200000, SETTLE = 64;
// Cycles before the next result, and their number, in which most resets fall: it passes from reducer to collector then.
constexpr uint64_t AHEAD = 14, WINDOW = 7;

struct Settings {
    uint64_t pixels, packet_beats, resets, reset_cycles;  // reset_cycles 0: soft resets
    uint64_t frame_pixels, interval, fill, seed;  // cycles between results; cycles until the first one, at most
};

class Bench {
public:
    Bench(const Settings& s, FILE* file) : settings(s), random(s.seed) {
        packets.resize(s.pixels * s.packet_beats * IN_WORDS);
        results.resize(s.pixels * 4);
        complete = load(file, packets.data(), packets.size()) && load(file, results.data(), results.size());
        context.randReset(2);
        context.randSeed(int(s.seed & 0x7fffffff));
        top = std::make_unique<Vtop>(&context);
    }

    bool complete;

    void run() {
        top->s_axis_tvalid = top->m_axis_tready = 0;
        idle_bus();
        hard_reset(4);
        if (soft()) {
            write(FRAME_PIXELS, settings.frame_pixels);
            write(CONTROL, 1);
            started(begun);
        }
        for (trial = 0; trial < settings.resets; ++trial) {
            gap = happens(50) ? 0 : 10;
            stall = happens(50) ? 0 : (happens(50) ? 30 : 90);
            stream();
            if (soft()) soft_reset();
            else hard_reset(settings.reset_cycles);
        }
        gap = stall = 0;
        stream();
        top->final();
        std::printf("%llu %llu %llu %zu\n", (unsigned long long)trial, (unsigned long long)cycles,
                    (unsigned long long)checked, faults.size());
        for (const auto& fault : faults) std::printf("%s\n", fault.c_str());
    }

private:
    const Settings settings;
    Random random;
    VerilatedContext context;
    std::unique_ptr<Vtop> top;
    std::vector<uint32_t> packets, results;
    std::vector<std::string> faults;
    uint64_t cycles = 0, checked = 0, trial = 0, moved = 0;
    unsigned gap = 0, stall = 0;
    bool paused_in = false, paused_out = false;
    // Packets are numbered for ever; `first` is the first one after the last reset.
    uint64_t packet = 0, beat = 0, first = 0;
    uint64_t result = 0, part = 0;  // since the last reset
    uint64_t result_time = 0, last_interval = 0;
    bool offered = false, held = false, faulty = false;
    uint32_t held_data[OUT_WORDS] = {}, held_last = 0;

    bool soft() const { return settings.reset_cycles == 0; }

    bool happens(unsigned percent) { return random.below(100) < percent; }

    void fault(const char* what, uint64_t found, uint64_t expected) {
        if (faulty) return;  // one a reset
        faulty = true;
        faults.push_back("reset " + std::to_string(trial) + ", cycle " + std::to_string(cycles) + ": " + what + " "
                         + std::to_string(found) + ", expected " + std::to_string(expected));
    }

    void started(uint64_t from) {
        first = from;
        result = part = 0;
        held = faulty = false;
        moved = cycles;
    }

    // A clock cycle with the streams as they are.
    void cycle() {
        if (!offered && !paused_in && !happens(gap)) {
            offered = true;
            const uint32_t* data = &packets[(packet % settings.pixels * settings.packet_beats + beat) * IN_WORDS];
            put<IN_BITS>(top->s_axis_tdata, data);
            top->s_axis_tlast = beat == settings.packet_beats - 1;
        }
        top->s_axis_tvalid = offered;
        top->m_axis_tready = !paused_out && !happens(stall);
        settle();
        if (top->aresetn && offered && top->s_axis_tready) {
            offered = false;
            if (++beat == settings.packet_beats) beat = 0, ++packet;
        }
        if (top->aresetn) watch();
        rise();
    }

    void settle() {
        top->aclk = 0;
        top->eval();
    }

    void rise() {
        top->aclk = 1;
        top->eval();
        ++cycles;
    }

    void watch() {
        uint32_t now[OUT_WORDS];
        get<OUT_BITS>(top->m_axis_tdata, now);
        const bool valid = top->m_axis_tvalid;
        if (held && (!valid || now[0] != held_data[0] || held_last != top->m_axis_tlast))
            fault("an offered beat changed:", now[0], held_data[0]);
        held = valid && !top->m_axis_tready;
        held_last = top->m_axis_tlast;
        for (int i = 0; i < OUT_WORDS; ++i) held_data[i] = now[i];
        if (valid && top->m_axis_tready) take(now, top->m_axis_tlast);
    }

    void take(const uint32_t* now, bool last) {
        const uint64_t frame = settings.frame_pixels, number = soft() ? result % frame : result;
        const uint32_t* expected = &results[(first + result) % settings.pixels * 4];
        for (int i = 0; i < OUT_WORDS; ++i) {
            const uint64_t word = part * OUT_WORDS + i;
            const uint32_t right = word == 3 ? uint32_t(number) : expected[word];
            if (now[i] != right) fault(word == 3 ? "number" : "stale or wrong result", now[i], right);
        }
        const bool ends = part == BEATS - 1;
        if (last != (soft() && ends && number == frame - 1)) fault("tlast", last, !last);
        moved = cycles;
        if (!ends) {
            ++part;
            return;
        }
        part = 0;
        ++result;
        ++checked;
        last_interval = cycles - result_time;
        result_time = cycles;
    }

    bool until_results(uint64_t n) {
        while (result < n) {
            cycle();
            if (cycles - moved > IDLE_LIMIT) {
                fault("results", result, n);
                started(packet + (beat > 0));
                return false;
            }
        }
        return true;
    }

    // Pixels pass until the moment of the next reset.
    void stream() {
        if (trial < settings.resets && happens(25)) {  // before or shortly after the first result
            for (uint64_t left = random.below(settings.fill + 4 * settings.interval); left; --left) cycle();
            return;
        }
        if (!until_results(1 + random.below(4))) return;
        counters();
        if (!until_results(result + 2 + random.below(4))) return;
        const uint64_t wait = happens(80) && last_interval > AHEAD
            ? last_interval - AHEAD + random.below(WINDOW)
            : random.below(2 * settings.interval);
        for (const uint64_t end = result_time + wait; cycles < end;) cycle();
    }

    // Both streams rest while the counters are compared with what has passed since the reset.
    void counters() {
        paused_in = true;
        while (offered) cycle();
        paused_out = true;
        for (uint64_t i = 0; i < SETTLE; ++i) cycle();
        expect("PIXELS_IN", PIXELS_IN, packet - first);
        expect("PIXELS_OUT", PIXELS_OUT, result);
        expect("FRAMES_OUT", FRAMES_OUT, soft() ? result / settings.frame_pixels : 0);
        paused_in = paused_out = false;
        moved = cycles;
    }

    void expect(const char* name, uint32_t address, uint64_t expected) {
        const uint32_t found = read(address);
        if (found != expected) fault(name, found, expected);
    }

    void hard_reset(uint64_t n) {
        offered = held = false;
        paused_in = paused_out = true;
        beat = packet = 0;
        top->aresetn = 0;
        for (uint64_t i = 0; i < n; ++i) cycle();
        top->aresetn = 1;
        paused_in = paused_out = false;
        started(0);
    }

    void soft_reset() {
        if (happens(50)) {  // while a certain beat of a result is offered
            const uint64_t wanted = random.below(BEATS), n = result;
            until_results(n + 1);
            while (part != wanted && result == n + 1) cycle();
            paused_out = true;
        }
        write(CONTROL, 1);
        // What is offered now is of before the reset, and stays. Nothing else is.
        const bool old = held;
        if (old) {
            paused_out = true;
            for (uint64_t left = random.below(100); left; --left) cycle();
            paused_out = false;
            while (held) cycle();
        }
        paused_out = false;
        started(begun);
    }

    uint64_t begun = 0;  // packets of which a beat had been taken when CONTROL was answered

    void idle_bus() {
        top->s_axil_awvalid = top->s_axil_wvalid = top->s_axil_bready = 0;
        top->s_axil_arvalid = top->s_axil_rready = 0;
    }

    void write(uint32_t address, uint32_t data) {
        top->s_axil_awaddr = address;
        top->s_axil_wdata = data;
        top->s_axil_wstrb = 0xf;
        top->s_axil_bready = 1;
        top->s_axil_awvalid = top->s_axil_wvalid = 1;
        for (uint64_t i = 0;; ++i) {
            settle();
            const bool took_address = top->s_axil_awready, took_data = top->s_axil_wready;
            if (top->s_axil_bvalid) {
                begun = packet + (beat > 0);
                break;
            }
            cycle();
            if (took_address) top->s_axil_awvalid = 0;
            if (took_data) top->s_axil_wvalid = 0;
            if (i > IDLE_LIMIT) return fault("no write response", 0, 1);
        }
        cycle();
        idle_bus();
    }

    uint32_t read(uint32_t address) {
        top->s_axil_araddr = address;
        top->s_axil_rready = 1;
        top->s_axil_arvalid = 1;
        for (uint64_t i = 0; i < IDLE_LIMIT; ++i) {
            settle();
            const bool took = top->s_axil_arready;
            if (top->s_axil_rvalid) {
                const uint32_t data = top->s_axil_rdata;
                cycle();
                idle_bus();
                return data;
            }
            cycle();
            if (took) top->s_axil_arvalid = 0;
        }
        fault("no read response", 0, 1);
        return 0;
    }
};

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    FILE* file = std::fopen(argv[1], "rb");
    Settings settings;
    if (!file || !load(file, &settings, 1)) return 3;
    Bench bench{settings, file};
    std::fclose(file);
    if (!bench.complete) return 3;
    bench.run();
    return 0;
}
