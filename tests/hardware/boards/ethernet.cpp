// Drives the RGMII pins of a system. The stimulus has frames as: idle bytes before it, length, bytes.
// The record has the sent frames as: length, bytes.
#include <cstdint>
#include <cstdio>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

static const int ETHERNET_HALF = 4, SYSTEM_HALF = 9;  // half periods in ns: 125 and 56 MHz

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    VerilatedContext context;
    Vtop top{&context};
    FILE* stimulus = std::fopen(argv[1], "rb");
    FILE* record = std::fopen(argv[2], "wb");
    if (!stimulus || !record) return 2;
    uint32_t idle = 0, length = 0;
    std::vector<uint8_t> frame, sent;
    size_t place = 0;
    auto next = [&] {
        place = 0;
        if (std::fread(&idle, 4, 1, stimulus) != 1 || std::fread(&length, 4, 1, stimulus) != 1) return false;
        frame.resize(length);
        return std::fread(frame.data(), 1, length, stimulus) == length;
    };
    bool more = next();
    uint8_t low = 0;
    for (uint64_t ns = 0; more; ++ns) {
        top.rst_n = ns > 200;
        if (ns % SYSTEM_HALF == 0) top.clk100 = !top.clk100;
        if (ns % ETHERNET_HALF == 0) {
            const bool rises = !top.eth_clocks_rx, in_frame = idle == 0 && place < length;
            top.eth_rx_ctl = in_frame;
            top.eth_rx_data = in_frame ? (rises ? frame[place] & 15 : frame[place] >> 4) : 0;
            top.eval();  // data before the edge
            top.eth_clocks_rx = rises;
            if (!rises) {
                if (idle) --idle;
                else if (place < length) ++place;
                else more = next();
            }
        }
        top.eval();
        if (ns % ETHERNET_HALF == 0) {
            if (top.eth_clocks_rx) low = top.eth_tx_data;
            else if (top.eth_tx_ctl) sent.push_back(low | top.eth_tx_data << 4);
            else if (!sent.empty()) {
                const uint32_t n = sent.size();
                std::fwrite(&n, 4, 1, record);
                std::fwrite(sent.data(), 1, n, record);
                sent.clear();
            }
        }
    }
    std::fclose(record);
    return 0;
}
