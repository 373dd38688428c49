// What the C++ harnesses share: ports of any width, random numbers, and files of integers.
// IN_BITS and OUT_BITS are the widths of the input and the output port, defined on the compiler's command line.
#pragma once

#include <cstdint>
#include <cstdio>

constexpr int words_of(int bits) { return (bits + 31) / 32; }
constexpr int IN_WORDS = words_of(IN_BITS);
constexpr int OUT_WORDS = words_of(OUT_BITS);

// Verilator represents a port of up to 64 bits as an integer, and a wider one as an array of 32-bit words.
template <int BITS, typename Port> void put(Port& port, const uint32_t* words) {
    constexpr int WORDS = words_of(BITS);
    if constexpr (BITS <= 64) {
        uint64_t value = words[0];
        if (WORDS > 1) value |= uint64_t(words[WORDS - 1]) << 32;
        port = static_cast<Port>(value);
    } else {
        for (int i = 0; i < WORDS; ++i) port[i] = words[i];
    }
}

template <int BITS, typename Port> void get(const Port& port, uint32_t* words) {
    constexpr int WORDS = words_of(BITS);
    if constexpr (BITS <= 64) {
        const uint64_t value = port;
        words[0] = uint32_t(value);
        if (WORDS > 1) words[WORDS - 1] = uint32_t(value >> 32);
    } else {
        for (int i = 0; i < WORDS; ++i) words[i] = port[i];
    }
}

class Random {  // splitmix64
public:
    explicit Random(uint64_t seed) : state(seed) {}
    bool happens(uint64_t probability) { return (next() >> 32) < probability; }  // in 1/2**32
    uint64_t below(uint64_t n) { return n ? (next() >> 16) % n : 0; }

private:
    uint64_t state;
    uint64_t next() {
        uint64_t z = (state += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }
};

// Read or write exactly n values.
template <typename T> bool load(FILE* file, T* values, size_t n) { return std::fread(values, sizeof(T), n, file) == n; }

template <typename T> bool save(FILE* file, const T* values, size_t n) {
    return std::fwrite(values, sizeof(T), n, file) == n;
}
