// Clocks a board with a memory. The stimulus has a word for each pattern at the pins of the camera: data, valid,
// first and last from bit 0. The record has two bytes for each: camera_ready, and camera_wanted at the end.
#include <cstdint>
#include <cstdio>

#include "Vtop.h"
#include "verilated.h"

static const int CYCLES = 20'000;

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    VerilatedContext context;
    Vtop top{&context};
    FILE* stimulus = std::fopen(argv[1], "rb");
    FILE* record = std::fopen(argv[2], "wb");
    if (!stimulus || !record) return 2;
    for (uint32_t pattern; std::fread(&pattern, 4, 1, stimulus) == 1;) {
        top.camera_data = uint16_t(pattern);
        top.camera_valid = pattern >> 16 & 1;
        top.camera_first = pattern >> 17 & 1;
        top.camera_last = pattern >> 18 & 1;
        for (int cycle = 0; cycle < CYCLES; ++cycle) {
            top.rst = cycle < 20;
            top.clk25 = 0;
            top.camera_clk = 0;
            top.eval();
            top.clk25 = 1;
            top.camera_clk = 1;
            top.eval();
        }
        const uint8_t found[] = {top.camera_ready, top.camera_wanted};
        std::fwrite(found, 1, 2, record);
    }
    return std::fclose(record) ? 2 : 0;
}
