// Drives a board core through the packet ports of docs/spec/link.md, from files or from a UDP socket.
// usage: simulate STIMULUS RECORD                         (little-endian files, written and read by board.py)
//        simulate serve PORT LOSS DUPLICATE REORDER SEED RESET_AFTER [CAMERA]
//          probabilities in 1/2**32; a command per line of stdin: "reset", "statistics"; the end of stdin ends it
// With MEMORY_BITS, the core has a front end: a memory answers m_axi_*, and camera_* are driven by a camera
// (simulated_camera.h), which follows the packets in STIMULUS or is in the file CAMERA.
#include "Vtop.h"
#include "harness.h"
#include "simulated_camera.h"
#include "verilated.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cinttypes>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

constexpr uint32_t MIN_BYTES = 20, MAX_BYTES = 1472, HEADER_WORDS = 4, PIXELS = 0x84, RESULTS = 0x86;
constexpr int RESET_CLOCKS = 4;
#ifdef MEMORY_BITS
constexpr int SERVE_ARGUMENTS = 9;
#else
constexpr int SERVE_ARGUMENTS = 8;
#endif
constexpr uint64_t IDLE_CLOCKS = 80'000;  // longer than FLUSH_CLOCKS after a reset, and the latency of a design

struct Packet {
    uint64_t peer = 0, length = 0, clock = 0;
    std::vector<uint32_t> words;
};

class Board {
public:
    std::function<void(const Packet&)> answer;
    uint64_t clocks = 0, moved = 0, violations = 0;
    std::vector<uint64_t> latencies;
#ifdef MEMORY_BITS
    SimulatedCamera<Vtop> camera;
#endif

    Board(uint64_t seed, uint64_t gap, uint64_t stall) : random(seed), seed(seed), gap(gap), stall(stall) {
        context.randReset(2);  // the initial values of registers without reset must not matter
        context.randSeed(int(seed & 0x7fffffff));
        top = std::make_unique<Vtop>(&context);
#ifdef MEMORY_BITS
        camera.begin(seed + 3);
#endif
    }

    void submit(Packet packet) {
        waiting.push_back(std::move(packet));
        moved = clocks;
    }

    void drop() { ++dropped; }

    bool busy() const {
#ifdef MEMORY_BITS
        if (camera.active(*top)) return true;
#endif
        return !waiting.empty() || dropped || clocks - moved < IDLE_CLOCKS;
    }

    // Pull the reset. Packets in transit in either direction are lost.
    void reset() {
        waiting.clear();
        sending = {};
        started.clear();
        place = 0;
        offered = held = false;
#ifdef MEMORY_BITS
        memory_violations();
        memory = std::make_unique<AxiMemory<Vtop>>(camera.settings.memory, seed + 4);
        top->m_axi_bvalid = top->m_axi_rvalid = 0;
        top->memory_status = uint32_t(camera.settings.memory_status);
#endif
        top->aresetn = 0;
        top->rx_valid = top->rx_dropped = top->tx_ready = 0;
        for (int i = 0; i < RESET_CLOCKS; ++i) edge();
        top->aresetn = 1;
        moved = clocks;
    }

    void step() {
#ifdef MEMORY_BITS
        if (camera.step(*top, clocks)) moved = clocks;
        memory->drive(*top, clocks);
#endif
        if (!offered && !waiting.empty() && !random.happens(gap)) {
            const Packet& packet = waiting.front();
            offered = true;
            top->rx_data = packet.words[place];
            top->rx_last = place + 1 == packet.words.size();
            top->rx_peer = packet.peer;
        }
        top->rx_valid = offered;
        top->rx_dropped = dropped > 0;
        dropped -= dropped > 0;
        top->tx_ready = !random.happens(stall);
        top->aclk = 0;
        top->eval();
        if (offered && top->rx_ready) accepted();
        watch();
#ifdef MEMORY_BITS
        memory->take(*top, clocks);
#endif
        rise();
    }

    // Add the violations of the rules of the memory to the others.
    void memory_violations() {
#ifdef MEMORY_BITS
        if (memory) violations += std::exchange(memory->traffic.violations, 0);
#endif
    }

private:
    Random random;
    const uint64_t seed, gap, stall;
    VerilatedContext context;
    std::unique_ptr<Vtop> top;
#ifdef MEMORY_BITS
    std::unique_ptr<AxiMemory<Vtop>> memory;
#endif
    std::deque<Packet> waiting;
    Packet sending;
    std::map<uint32_t, uint64_t> started;  // clock cycle of the last word of each request, by sequence number
    uint64_t place = 0, dropped = 0;
    bool offered = false, held = false;
    uint32_t held_data = 0, held_last = 0;

    void rise() {
        top->aclk = 1;
        top->eval();
        ++clocks;
    }

    void edge() {
        top->aclk = 0;
        top->eval();
        rise();
    }

    void accepted() {
        offered = false;
        moved = clocks;
        if (++place < waiting.front().words.size()) return;
        if (place > 2) started[waiting.front().words[2]] = clocks;
        waiting.pop_front();
        place = 0;
    }

    // A packet has no gap, an offered word does not change, and receiver and length are constant and right.
    void watch() {
        const bool valid = top->tx_valid, inside = !sending.words.empty();
        if (inside && !valid) ++violations;
        if (held && (!valid || held_data != top->tx_data || held_last != top->tx_last)) ++violations;
        if (inside && valid && (sending.peer != top->tx_peer || sending.length != top->tx_length)) ++violations;
        held = valid && !top->tx_ready;
        held_data = top->tx_data;
        held_last = top->tx_last;
        if (!valid || held) return;
        moved = clocks;
        sending.peer = top->tx_peer;
        sending.length = top->tx_length;
        sending.words.push_back(top->tx_data);
        if (!top->tx_last) return;
        if (sending.length != 4 * sending.words.size()) ++violations;
        sending.clock = clocks;
        const auto found = started.find(sending.words[2]);
        if ((sending.words[0] & 0xff) == PIXELS && found != started.end()) {
            latencies.push_back(clocks - found->second);
            started.erase(found);
        }
#ifdef MEMORY_BITS
        const uint64_t frame = sending.words[2], words = sending.words.size() - HEADER_WORDS;
        const bool ends = (sending.words[0] & 0xff) == RESULTS && camera.settings.record_words
            && sending.words[3] + words / camera.settings.record_words == camera.settings.pixels;
        // Without overrun, the frames of the first session are those of the camera.
        if (ends && frame < camera.ended.size()) latencies.push_back(clocks - camera.ended[frame]);
#endif
        answer(sending);
        sending = {};
    }
};

struct Settings {  // header of STIMULUS; a packet is its number of words, its sender, and its words; 0 words: a reset
    uint64_t n_packets, gap, stall, seed;
};

int simulate(const char* stimulus, const char* record) {
    FILE* file = std::fopen(stimulus, "rb");
    Settings settings;
    if (!file || !load(file, &settings, 1)) return 3;
    Board board(settings.seed, settings.gap, settings.stall);
    std::vector<Packet> packets(settings.n_packets), answers;
    for (Packet& packet : packets) {
        uint64_t head[2];
        if (!load(file, head, 2)) return 3;
        packet.peer = head[1];
        packet.words.resize(head[0]);
        if (!load(file, packet.words.data(), packet.words.size())) return 3;
    }
#ifdef MEMORY_BITS
    if (!board.camera.read(file)) return 3;
#endif
    std::fclose(file);
    board.reset();
    board.answer = [&](const Packet& packet) { answers.push_back(packet); };
    const auto drain = [&] { while (board.busy()) board.step(); };
    for (Packet& packet : packets) {
        if (packet.words.empty()) {
            drain();
            board.reset();
        } else {
            board.submit(std::move(packet));
        }
    }
    drain();
    board.memory_violations();
    file = std::fopen(record, "wb");
    if (!file) return 4;
    const uint64_t head[] = {answers.size(), board.clocks, board.violations};
    bool good = save(file, head, 3);
    for (const Packet& packet : answers) {
        const uint64_t each[] = {packet.words.size(), packet.peer};
        good = good && save(file, each, 2) && save(file, packet.words.data(), packet.words.size());
    }
    return !std::fclose(file) && good ? 0 : 4;
}

// One direction of a network that loses, repeats and reorders datagrams.
class Network {
public:
    uint64_t lost = 0, repeated = 0, reordered = 0, passed = 0;

    Network(uint64_t seed, uint64_t loss, uint64_t duplicate, uint64_t reorder, std::function<void(const Packet&)> deliver)
        : random(seed), loss(loss), duplicate(duplicate), reorder(reorder), deliver(std::move(deliver)) {}

    void pass(const Packet& packet) {
        if (random.happens(loss)) {
            ++lost;
            return;
        }
        if (late.empty() && random.happens(reorder)) {
            ++reordered;
            behind = 1 + random.below(3);
            late.push_back(packet);
            return;
        }
        send(packet);
        if (random.happens(duplicate)) {
            ++repeated;
            send(packet);
        }
        if (!late.empty() && !--behind) release();
    }

    void release() {
        for (const Packet& packet : late) send(packet);
        late.clear();
    }

private:
    Random random;
    const uint64_t loss, duplicate, reorder;
    const std::function<void(const Packet&)> deliver;
    std::vector<Packet> late;  // at most one, which the next packets overtake
    uint64_t behind = 0;

    void send(const Packet& packet) {
        ++passed;
        deliver(packet);
    }
};

int serve(char** argv) {
    const auto number = [&](int i) { return std::strtoull(argv[i], nullptr, 10); };
    const uint64_t loss = number(3), duplicate = number(4), reorder = number(5), seed = number(6);
    uint64_t reset_after = number(7), resets = 0, pixels = 0;
    const int socket_ = socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(uint16_t(number(2)));
    if (bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address)) {
        std::printf("error %s\n", std::strerror(errno));
        return 0;
    }
    socklen_t size = sizeof address;
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    std::printf("port %d\n", int(ntohs(address.sin_port)));
    std::fflush(stdout);
    Board board(seed, 0, 0);
#ifdef MEMORY_BITS
    FILE* camera = std::fopen(argv[8], "rb");
    if (!camera || !board.camera.read(camera)) return 3;
    std::fclose(camera);
#endif
    board.reset();
    Network in(seed + 1, loss, duplicate, reorder, [&](const Packet& packet) {
        const bool is_pixels = (packet.words[0] & 0xff) == (PIXELS & 0x7f);
        if (is_pixels && ++pixels == reset_after) {
            board.reset();
            ++resets;
        }
        board.submit(packet);
    });
    Network out(seed + 2, loss, duplicate, reorder, [&](const Packet& packet) {
        sockaddr_in peer{};
        peer.sin_family = AF_INET;
        peer.sin_addr.s_addr = htonl(uint32_t(packet.peer));
        peer.sin_port = htons(uint16_t(packet.peer >> 32));
        sendto(socket_, packet.words.data(), 4 * packet.words.size(), 0, reinterpret_cast<sockaddr*>(&peer), sizeof peer);
    });
    board.answer = [&](const Packet& packet) { out.pass(packet); };
    std::string line;
    pollfd events[] = {{socket_, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    while (true) {
        if (!board.busy()) {
            in.release();
            out.release();
        }
        if (poll(events, 2, board.busy() ? 0 : -1) < 0 && errno != EINTR) return 5;
        if (events[0].revents & POLLIN) {
            Packet packet;
            packet.words.resize(MAX_BYTES / 4 + 1);
            sockaddr_in peer{};
            socklen_t length = sizeof peer;
            const ssize_t n = recvfrom(
                socket_, packet.words.data(), 4 * packet.words.size(), 0, reinterpret_cast<sockaddr*>(&peer), &length);
            if (n >= 0 && (n < MIN_BYTES || n > MAX_BYTES || n % 4)) board.drop();
            if (n >= MIN_BYTES && n <= MAX_BYTES && n % 4 == 0) {
                packet.words.resize(n / 4);
                packet.peer = ntohl(peer.sin_addr.s_addr) | uint64_t(ntohs(peer.sin_port)) << 32;
                in.pass(packet);
            }
        }
        if (events[1].revents) {
            char text[64];
            const ssize_t n = read(STDIN_FILENO, text, sizeof text);
            if (n <= 0) return 0;
            line.append(text, n);
            for (size_t end; (end = line.find('\n')) != std::string::npos; line.erase(0, end + 1)) {
                if (line.compare(0, end, "reset") == 0) {
                    board.reset();
                    ++resets;
                } else if (line.compare(0, end, "statistics") == 0) {
                    auto sorted = board.latencies;
                    board.memory_violations();
                    uint64_t frames = 0, words_lost = 0;
#ifdef MEMORY_BITS
                    frames = board.camera.frames;
                    words_lost = board.camera.lost;
#endif
                    std::sort(sorted.begin(), sorted.end());
                    std::printf(
                        "{\"requests\": %" PRIu64 ", \"requests_lost\": %" PRIu64 ", \"answers\": %" PRIu64
                        ", \"answers_lost\": %" PRIu64 ", \"duplicated\": %" PRIu64 ", \"reordered\": %" PRIu64
                        ", \"resets\": %" PRIu64 ", \"violations\": %" PRIu64 ", \"clock_cycles\": %" PRIu64
                        ", \"latency_cycles\": %" PRIu64 ", \"camera_frames\": %" PRIu64
                        ", \"camera_words_lost\": %" PRIu64 "}\n",
                        in.passed, in.lost, out.passed, out.lost, in.repeated + out.repeated,
                        in.reordered + out.reordered, resets, board.violations, board.clocks,
                        sorted.empty() ? 0 : sorted[sorted.size() / 2], frames, words_lost);
                    std::fflush(stdout);
                }
            }
        }
        for (int i = 0; i < 500 && board.busy(); ++i) board.step();
    }
}

int main(int argc, char** argv) {
    if (argc == SERVE_ARGUMENTS && std::string(argv[1]) == "serve") return serve(argv);
    return argc == 3 ? simulate(argv[1], argv[2]) : 2;
}
