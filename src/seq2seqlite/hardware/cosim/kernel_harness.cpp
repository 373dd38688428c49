// Drives a module (clk, d, q) with one input and one output word per clock cycle. A word is a row of 32-bit
// words, lowest first.
// usage: simulate STIMULUS RECORD   (little-endian files, written and read by kernel.py)
#include "Vtop.h"
#include "harness.h"
#include "verilated.h"

#include <type_traits>
#include <utility>
#include <vector>

// A kernel of latency 0 may have no clock.
template <typename Top, typename = void> constexpr bool HAS_CLOCK = false;
template <typename Top> constexpr bool HAS_CLOCK<Top, std::void_t<decltype(std::declval<Top&>().clk)>> = true;

template <typename Top> void clock(Top& top, int level) {
    if constexpr (HAS_CLOCK<Top>) top.clk = level;
    top.eval();
}

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    uint64_t n;  // header of STIMULUS: number of words
    FILE* file = std::fopen(argv[1], "rb");
    if (!file || !load(file, &n, 1)) return 3;
    std::vector<uint32_t> in(n * IN_WORDS), out(n * OUT_WORDS);
    if (!load(file, in.data(), in.size())) return 3;
    std::fclose(file);

    VerilatedContext context;
    context.randReset(2);  // the initial values of the registers must not matter
    context.randSeed(1);
    Vtop top{&context};
    for (size_t i = 0; i < n + LATENCY; ++i) {
        if (i < n) put<IN_BITS>(top.d, &in[i * IN_WORDS]);
        clock(top, 0);
        if (i >= LATENCY) get<OUT_BITS>(top.q, &out[(i - LATENCY) * OUT_WORDS]);
        clock(top, 1);
    }
    top.final();

    file = std::fopen(argv[2], "wb");
    if (!file || !save(file, out.data(), out.size())) return 4;
    return std::fclose(file) ? 4 : 0;
}
