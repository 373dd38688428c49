// What seq2seqlite_top uses of the hls_stream.h that Vitis HLS has, for compilers that have none.
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
