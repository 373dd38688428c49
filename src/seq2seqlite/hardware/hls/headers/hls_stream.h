// The part of hls_stream.h from Vitis HLS that seq2seqlite_top uses, for compilers without that header.
#pragma once
#include <queue>

namespace hls {

template <typename T> class stream {
  public:
    T read() {
        T value = values.front();
        values.pop();
        return value;
    }
    void write(const T &value) { values.push(value); }

  private:
    std::queue<T> values;
};

}  // namespace hls
