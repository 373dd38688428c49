// Drives a module (clk, d, q) with one input and one output word per clock cycle. A word is a row of 32-bit
// words, lowest first.
// usage: simulate IN OUT N_VECTORS
#include "Vtop.h"
#include "verilated.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

constexpr int IN_WORDS = (IN_BITS + 31) / 32;
constexpr int OUT_WORDS = (OUT_BITS + 31) / 32;

// Verilator represents a port of up to 64 bits as an integer, and a wider one as an array of 32-bit words.
template <typename Port> void put(Port& port, const uint32_t* words) {
    if constexpr (IN_BITS <= 64) {
        uint64_t value = words[0];
        if (IN_WORDS > 1) value |= uint64_t(words[IN_WORDS - 1]) << 32;
        port = static_cast<Port>(value);
    } else {
        for (int i = 0; i < IN_WORDS; ++i) port[i] = words[i];
    }
}

template <typename Port> void get(const Port& port, uint32_t* words) {
    if constexpr (OUT_BITS <= 64) {
        const uint64_t value = port;
        words[0] = uint32_t(value);
        if (OUT_WORDS > 1) words[OUT_WORDS - 1] = uint32_t(value >> 32);
    } else {
        for (int i = 0; i < OUT_WORDS; ++i) words[i] = port[i];
    }
}

template <typename Top> void clock(Top& top, int level) {
    if constexpr (requires { top.clk; }) top.clk = level;  // a kernel of latency 0 may have no clock
    top.eval();
}

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const size_t n = std::strtoull(argv[3], nullptr, 10);
    std::vector<uint32_t> in(n * IN_WORDS), out(n * OUT_WORDS);
    FILE* file = std::fopen(argv[1], "rb");
    if (!file || std::fread(in.data(), 4, in.size(), file) != in.size()) return 3;
    std::fclose(file);

    VerilatedContext context;
    context.randReset(2);  // the initial values of the registers must not matter
    context.randSeed(1);
    Vtop top{&context};
    for (size_t i = 0; i < n + LATENCY; ++i) {
        if (i < n) put(top.d, &in[i * IN_WORDS]);
        clock(top, 0);
        if (i >= LATENCY) get(top.q, &out[(i - LATENCY) * OUT_WORDS]);
        clock(top, 1);
    }
    top.final();

    file = std::fopen(argv[2], "wb");
    if (!file || std::fwrite(out.data(), 4, out.size(), file) != out.size()) return 4;
    return std::fclose(file) ? 4 : 0;
}
