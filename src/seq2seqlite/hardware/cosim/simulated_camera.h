// Camera at the ports camera_* of a core, with its own clock: words of images, in a loop or once.
#pragma once

#include "axi_memory.h"
#include "harness.h"

#include <memory>
#include <vector>

struct CameraSettings {     // followed by n words of 32 bits, and a byte each: bit 0 first of a frame, bit 1 last of an image
    uint64_t n, repeats;    // times that the words are delivered; 0: for ever
    uint64_t clock;         // frequency in 1/2**32 of aclk
    uint64_t gap;           // probability per clock cycle that no word is offered, in 1/2**32
    uint64_t waits;         // whether a word waits for camera_ready; otherwise it is lost
    uint64_t on_demand;     // whether a frame begins only while camera_wanted is high
    uint64_t pixels, record_words;  // pixels of a frame, and words of a result, to recognise its last packet
    uint64_t memory_status;  // as in docs/spec/link.md
    MemorySettings memory;
};

#ifdef MEMORY_BITS
template <typename Top> class SimulatedCamera {
public:
    CameraSettings settings{};
    std::vector<uint32_t> words;
    std::vector<uint8_t> flags;
    uint64_t frames = 0, lost = 0;  // frames that began, and words that were lost
    std::vector<uint64_t> ended;    // clock cycle of the last word of each frame

    bool read(FILE* file) {
        if (!load(file, &settings, 1)) return false;
        words.resize(settings.n);
        flags.resize(settings.n);
        return load(file, words.data(), words.size()) && load(file, flags.data(), flags.size());
    }

    void begin(uint64_t seed) { random = std::make_unique<Random>(seed); }

    // Whether it delivers words now, or will without a further request.
    bool active(const Top& top) const { return exists() && (offered || place || wanted(top)); }

    // Before an edge of aclk. Returns whether a word was delivered.
    bool step(Top& top, uint64_t clock) {
        phase += settings.clock;
        if (phase < 1ull << 32) return false;
        phase -= 1ull << 32;
        top.camera_clk = 0;
        if (!offered && exists() && (place || wanted(top)) && !random->happens(settings.gap)) {
            offered = true;
            put<PORT_BITS>(top.camera_data, &words[place]);
            top.camera_first = flags[place] & 1;
            top.camera_last = flags[place] >> 1 & 1;
            frames += flags[place] & 1;
        }
        top.camera_valid = offered;
        top.eval();
        const bool taken = offered && (top.camera_ready || !settings.waits);
        lost += taken && !top.camera_ready;
        top.camera_clk = 1;
        top.eval();
        if (taken) {
            offered = false;
            if (++place == words.size()) {
                place = 0;
                ++repeats;
            }
            if (flags[place] & 1) ended.push_back(clock);
        }
        return taken;
    }

private:
    std::unique_ptr<Random> random;
    uint64_t phase = 0, place = 0, repeats = 0;
    bool offered = false;

    bool exists() const { return !words.empty() && (!settings.repeats || repeats < settings.repeats); }
    bool wanted(const Top& top) const { return !settings.on_demand || top.camera_wanted; }
};
#endif
