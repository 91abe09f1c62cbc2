// Winograd's convolutions of 3x3 pixels with stride 1: F(4x4, 3x3) forward and for the input's gradient, F(3x3, 4x4) for
// the filter's. Lavin and Gray, arXiv 1509.09308; docs/decisions/winograd.md.
//
// Maps are `[batch, height, width, channels]`, filters `[3, 3, channels, outputs]`, float32. Results do not depend on the
// number of threads: what is summed, and in which order, follows from the shapes (and the instruction set) alone.
#ifndef RELAYBP_WINOGRAD_H_
#define RELAYBP_WINOGRAD_H_

#include <algorithm>
#include <functional>

#include "winograd-kernels.h"

namespace relaybp {
namespace winograd {

constexpr int kPoints = 36;
constexpr int kTile = 4;

// A correlation of `x` with a filter: output pixel (0, 0) sees the nine pixels from (-top, -left) on.
struct Correlation {
  int64_t batch, height, width, channels;
  int64_t top, left, out_height, out_width, outputs;

  int64_t TileRows() const { return (out_height + kTile - 1) / kTile; }
  int64_t TileColumns() const { return (out_width + kTile - 1) / kTile; }
  int64_t Tiles() const { return batch * TileRows() * TileColumns(); }
};

// What the operations need of their surroundings.
struct Runner {
  int threads;
  // Calls `body(thread, task)` for every task, in any order, and waits.
  std::function<void(int64_t tasks, const std::function<void(int thread, int64_t task)> &body)> run;
  // So many floats, aligned to cache lines, that live until the operation ends; null where there is no memory.
  std::function<float *(int64_t count)> allocate;
};

inline int64_t RoundUp(int64_t value, int64_t step) { return (value + step - 1) / step * step; }
inline int64_t Pieces(int64_t value, int64_t size) { return (value + size - 1) / size; }

// Transformed data of so many floats stay in a core's own cache.
constexpr int64_t kOwnCache = (1 << 20) / sizeof(float);
// And of so many in the cache that cores share, or nearly; with as many again for filters they are all that is needed on
// top of the operands.
constexpr int64_t kSharedCache = (16 << 20) / sizeof(float);

// Distance of two points' data: not a multiple of a page, as 36 lines of the same place in a page would not fit a cache.
inline int64_t PointStride(int64_t floats) { return RoundUp(floats, kBlock) + (floats % 1024 < kBlock ? kBlock : 0); }

// --- Pixels of a tile -------------------------------------------------------------------------------------

struct Pixels {
  const Correlation &shape;
  const float *zeros;

  // Where the 6x6 pixels of the input that tile `tile` sees lie; those outside are zeros.
  void Input(const float *x, int64_t tile, const float *to[36]) const {
    const int64_t columns = shape.TileColumns(), rows = shape.TileRows();
    const int64_t image = tile / (rows * columns);
    const int64_t top = tile / columns % rows * kTile - shape.top, left = tile % columns * kTile - shape.left;
    for (int row = 0; row < 6; row++) {
      const int64_t y = top + row;
      for (int column = 0; column < 6; column++) {
        const int64_t at = left + column;
        const bool inside = y >= 0 && y < shape.height && at >= 0 && at < shape.width;
        to[row * 6 + column] =
            inside ? x + ((image * shape.height + y) * shape.width + at) * shape.channels : zeros;
      }
    }
  }

  // The same of the 4x4 pixels of the output; `none` for those outside.
  template <typename T>
  void Output(T *y, int64_t tile, T *none, T *to[16]) const {
    const int64_t columns = shape.TileColumns(), rows = shape.TileRows();
    const int64_t image = tile / (rows * columns);
    const int64_t top = tile / columns % rows * kTile, left = tile % columns * kTile;
    for (int row = 0; row < kTile; row++) {
      for (int column = 0; column < kTile; column++) {
        const bool inside = top + row < shape.out_height && left + column < shape.out_width;
        const int64_t pixel = (image * shape.out_height + top + row) * shape.out_width + left + column;
        to[row * kTile + column] = inside ? y + pixel * shape.outputs : none;
      }
    }
  }
};

// Calls `transform(from, at)` for each block of channels; the last one, where it is not whole, on a copy filled up with zeros.
template <int N, typename Transform>
static void ForBlocks(const float *const from[N], int64_t channels, const Transform &transform) {
  const int64_t whole = channels / kBlock * kBlock;
  for (int64_t at = 0; at < whole; at += kBlock) transform(from, at);
  if (whole == channels) return;
  alignas(64) float copy[N][kBlock] = {};
  const float *ends[N];
  for (int i = 0; i < N; i++) {
    std::memcpy(copy[i], from[i] + whole, (channels - whole) * sizeof(float));
    ends[i] = copy[i] - whole;
  }
  transform(ends, whole);
}

// Outputs that are computed at a time: their filters, or the sums for them, fit the cache.
inline int64_t OutputsAtOnce(const Kernels &kernels, int64_t channels, int64_t outputs) {
  const int64_t all = kPoints * RoundUp(channels, kBlock) * RoundUp(outputs, kernels.width);
  return RoundUp(Pieces(outputs, std::max<int64_t>(1, Pieces(all, kSharedCache))), kernels.width);
}

// --- Filters ----------------------------------------------------------------------------------------------

// Some outputs of a filter, from `first` on.
struct Outputs {
  int64_t first, count;
};

// The filter as the products want it: `[point][outputs / width][channels][width]`. `flipped`: the filter of the input's
// gradient, whose channels are the outputs of `filter`, turned around. `all`: outputs that there are.
static void TransformFilter(const Kernels &kernels, Runner &runner, const float *filter, int64_t channels, int64_t all,
                            Outputs outputs, bool flipped, float *to, int64_t stride) {
  const int64_t width = kernels.width, step = channels * all;
  runner.run(Pieces(channels, kBlock), [&](int, int64_t task) {
    const int64_t begin = task * kBlock, end = std::min(begin + kBlock, channels);
    alignas(64) float copy[kBlock][9][kBlock];
    for (int64_t output = 0; output < RoundUp(outputs.count, width); output += kBlock) {
      const int64_t here = std::max<int64_t>(0, std::min<int64_t>(kBlock, outputs.count - output));
      const int64_t from = outputs.first + output;
      const bool copied = flipped || here < kBlock;
      if (here < kBlock) std::memset(copy, 0, sizeof copy);
      if (copied) {
        for (int tap = 0; tap < 9; tap++) {
          for (int64_t o = 0; o < here; o++) {
            // Flipped, `filter` is `[9][outputs][channels]`.
            const float *values = flipped ? filter + (8 - tap) * step + (from + o) * channels : filter + tap * step + from + o;
            for (int64_t c = begin; c < end; c++) copy[c - begin][tap][o] = values[flipped ? c : c * all];
          }
        }
      }
      float *target = to + output / width * channels * width + output % width;
      for (int64_t c = begin; c < end; c++) {
        if (copied) kernels.filter(copy[c - begin][0], kBlock, target + c * width, stride);
        else kernels.filter(filter + c * all + from, step, target + c * width, stride);
      }
    }
  });
}

// --- Forward ----------------------------------------------------------------------------------------------

// How the tiles are cut: so many at a time, transformed and multiplied by one thread for itself, or by all together.
struct Chunks {
  int64_t tiles;
  bool together;
};

inline Chunks ForwardChunks(const Kernels &kernels, int64_t tiles, int64_t channels, int64_t outputs) {
  const int64_t tile = kPoints * (RoundUp(channels, kBlock) + RoundUp(outputs, kernels.width));
  const int64_t own = kOwnCache / tile / kernels.rows * kernels.rows;
  if (own >= 24) return {own, false};
  const int64_t most = std::max<int64_t>(kernels.rows, kSharedCache / tile);
  return {Pieces(tiles, Pieces(tiles, most)), true};
}

// y = correlation of x with the filter, plus bias (or null), with ReLU or without.
// @returns whether there was memory for it
static bool Correlate(const Kernels &kernels, Runner &runner, const Correlation &shape, const float *x,
                      const float *filter, bool flipped, const float *bias, bool relu, float *y) {
  const int64_t tiles = shape.Tiles(), channels = shape.channels;
  if (tiles == 0 || shape.outputs == 0) return true;
  const int64_t at_once = OutputsAtOnce(kernels, channels, shape.outputs);
  const int64_t width = kernels.width, most_panels = at_once / width, depth = RoundUp(channels, kBlock);
  const Chunks chunks = ForwardChunks(kernels, tiles, channels, at_once);
  const int64_t strips = Pieces(chunks.tiles, kernels.rows);
  const int64_t v_stride = PointStride(strips * kernels.rows * depth);
  const int64_t m_stride = PointStride(strips * kernels.rows * most_panels * width);
  const int64_t u_stride = PointStride(most_panels * channels * width);
  const int workers = chunks.together ? 1 : runner.threads;
  const int64_t padded = RoundUp(std::max(channels, shape.outputs), 64);
  float *u = runner.allocate(kPoints * u_stride);
  float *work = runner.allocate(workers * kPoints * (v_stride + m_stride));
  float *zeros = runner.allocate(padded), *offsets = runner.allocate(padded);
  // Where pixels outside of the output go.
  float *spare = runner.allocate(runner.threads * padded);
  if (!u || !work || !zeros || !offsets || !spare) return false;
  std::memset(zeros, 0, padded * sizeof(float));
  std::memset(offsets, 0, padded * sizeof(float));
  if (bias) std::memcpy(offsets, bias, shape.outputs * sizeof(float));

  const Pixels pixels = {shape, zeros};
  const auto chunk = [&](int worker, int64_t begin, int64_t count, Outputs outputs, const auto &run) {
    const int64_t panels = Pieces(outputs.count, width);
    float *v = work + worker * kPoints * (v_stride + m_stride), *m = v + kPoints * v_stride;
    // As many rows in each strip, so that few are left over.
    const int64_t strips = Pieces(count, kernels.rows), rows = Pieces(count, strips);
    constexpr int64_t kTogether = 4;
    run(Pieces(strips * rows, kTogether), [&](int, int64_t task) {
      for (int64_t i = task * kTogether; i < std::min((task + 1) * kTogether, strips * rows); i++) {
        float *to = v + (i / rows) * rows * depth + i % rows * kBlock;
        const float *from[36];
        if (i < count) pixels.Input(x, begin + i, from);
        else std::fill(from, from + 36, zeros);
        ForBlocks<36>(from, channels, [&](const float *const *pixel, int64_t at) {
          kernels.input(pixel, at, to + at * rows, v_stride);
        });
      }
    });
    // Panels of one point that a task takes.
    const int64_t group = std::min<int64_t>(panels, 8), groups = Pieces(panels, group);
    run(kPoints * groups, [&](int, int64_t task) {
      const int64_t point = task / groups, first = task % groups * group;
      for (int64_t panel = first; panel < std::min(first + group, panels); panel++) {
        const float *b = u + point * u_stride + panel * channels * width;
        for (int64_t strip = 0; strip < strips; strip++) {
          kernels.product(static_cast<int>(rows), v + point * v_stride + strip * rows * depth, b,
                          m + point * m_stride + (strip * panels + panel) * rows * width, channels);
        }
      }
    });
    run(Pieces(count, kTogether), [&](int thread, int64_t task) {
      for (int64_t i = task * kTogether; i < std::min((task + 1) * kTogether, count); i++) {
        float *to[16], *none = spare + thread * padded;
        pixels.Output<float>(y, begin + i, nullptr, to);
        for (int64_t output = 0; output < outputs.count; output += kBlock) {
          const float *from = m + ((i / rows) * panels + output / width) * rows * width + i % rows * width + output % width;
          alignas(64) float copy[16][kBlock];
          const bool whole = output + kBlock <= outputs.count;
          const int64_t at = outputs.first + output;
          float *target[16];
          for (int p = 0; p < 16; p++) target[p] = !to[p] ? none : whole ? to[p] : copy[p] - at;
          kernels.output(from, m_stride, offsets + at, relu, target, at);
          if (whole) continue;
          for (int p = 0; p < 16; p++) {
            if (to[p]) std::memcpy(to[p] + at, copy[p], (outputs.count - output) * sizeof(float));
          }
        }
      }
    });
  };
  const int64_t count = Pieces(tiles, chunks.tiles);
  const auto size = [&](int64_t i) { return std::min(chunks.tiles, tiles - i * chunks.tiles); };
  for (int64_t first = 0; first < shape.outputs; first += at_once) {
    const Outputs outputs = {first, std::min(at_once, shape.outputs - first)};
    TransformFilter(kernels, runner, filter, channels, shape.outputs, outputs, flipped, u, u_stride);
    if (chunks.together) {
      for (int64_t i = 0; i < count; i++) chunk(0, i * chunks.tiles, size(i), outputs, runner.run);
      continue;
    }
    runner.run(count, [&](int thread, int64_t i) {
      chunk(thread, i * chunks.tiles, size(i), outputs, [&](int64_t tasks, const auto &body) {
        for (int64_t task = 0; task < tasks; task++) body(thread, task);
      });
    });
  }
  return true;
}

// --- The filter's gradient --------------------------------------------------------------------------------

// `groups` of tiles are summed apart, each by one thread; 1: by all threads together. In chunks of `tiles`.
struct GradientChunks {
  int64_t tiles;
  int64_t groups;
};

inline GradientChunks ChunksOfGradient(const Kernels &kernels, int64_t tiles, int64_t channels, int64_t outputs) {
  const int64_t c = RoundUp(channels, kBlock), k = RoundUp(outputs, kernels.width);
  const int64_t tile = kPoints * (c + k), sums = kPoints * c * k;
  const int64_t own = (kOwnCache * 5 / 4 - sums) / tile;
  if (own >= 24) return {std::min<int64_t>(own, 64), std::max<int64_t>(1, std::min<int64_t>({64, Pieces(tiles, 4 * own), kSharedCache / 2 / sums}))};
  const int64_t most = std::max<int64_t>(32, kSharedCache / tile);
  return {Pieces(tiles, Pieces(tiles, most)), 1};
}

// The groups' sums for one channel, always added in this order, and back to nine weights, `step` apart.
static void FinishGradient(const Kernels &kernels, const float *sums, int64_t stride, int64_t groups, int64_t depth,
                           int64_t channel, Outputs outputs, float *dw, int64_t step) {
  const int64_t width = kernels.width;
  for (int64_t output = 0; output < outputs.count; output += kBlock) {
    const float *from = sums + (output / width * depth + channel) * width + output % width;
    alignas(64) float total[kPoints][kBlock], copy[9][kBlock];
    int64_t from_stride = stride;
    if (groups > 1) {
      for (int p = 0; p < kPoints; p++) std::memcpy(total[p], from + p * stride, sizeof total[p]);
      for (int64_t group = 1; group < groups; group++) {
        const float *other = from + group * kPoints * stride;
        for (int p = 0; p < kPoints; p++) {
          for (int i = 0; i < kBlock; i++) total[p][i] += other[p * stride + i];
        }
      }
      from = total[0];
      from_stride = kBlock;
    }
    if (output + kBlock <= outputs.count) {
      kernels.gradient(from, from_stride, dw + output, step);
      continue;
    }
    kernels.gradient(from, from_stride, copy[0], kBlock);
    for (int tap = 0; tap < 9; tap++) {
      std::memcpy(dw + tap * step + output, copy[tap], (outputs.count - output) * sizeof(float));
    }
  }
}

// dw = the gradient of the filter: `x` correlated with the signal `dz`.
static bool FilterGradient(const Kernels &kernels, Runner &runner, const Correlation &shape, const float *x,
                           const float *dz, float *dw) {
  const int64_t tiles = shape.Tiles(), channels = shape.channels;
  if (channels == 0 || shape.outputs == 0) return true;
  const int64_t at_once = OutputsAtOnce(kernels, channels, shape.outputs);
  const int64_t width = kernels.width, most_panels = at_once / width, depth = RoundUp(channels, kBlock);
  const int64_t strips = depth / kernels.channels;
  const GradientChunks chunks = ChunksOfGradient(kernels, tiles, channels, at_once);
  const int64_t v_stride = PointStride(chunks.tiles * depth), w_stride = PointStride(chunks.tiles * most_panels * width);
  const int64_t s_stride = PointStride(depth * most_panels * width);
  const bool together = chunks.groups == 1;
  const int workers = together ? 1 : runner.threads;
  const int64_t padded = RoundUp(std::max(channels, shape.outputs), 64);
  float *work = runner.allocate(workers * kPoints * (v_stride + w_stride));
  float *sums = runner.allocate(chunks.groups * kPoints * s_stride);
  float *zeros = runner.allocate(padded);
  if (!work || !sums || !zeros) return false;
  std::memset(zeros, 0, padded * sizeof(float));
  if (tiles == 0) std::memset(sums, 0, kPoints * s_stride * sizeof(float));

  const Pixels pixels = {shape, zeros};
  const auto chunk = [&](int worker, float *sum, int64_t begin, int64_t count, bool first, Outputs outputs,
                         const auto &run) {
    const int64_t panels = Pieces(outputs.count, width);
    float *v = work + worker * kPoints * (v_stride + w_stride), *w = v + kPoints * v_stride;
    constexpr int64_t kTogether = 4;
    run(Pieces(count, kTogether), [&](int, int64_t task) {
      for (int64_t i = task * kTogether; i < std::min((task + 1) * kTogether, count); i++) {
        const float *from[36];
        pixels.Input(x, begin + i, from);
        ForBlocks<36>(from, channels, [&](const float *const *pixel, int64_t at) {
          kernels.input(pixel, at, v + at * count + i * kBlock, v_stride);
        });
        const float *signal[16];
        pixels.Output<const float>(dz + outputs.first, begin + i, zeros, signal);
        ForBlocks<16>(signal, outputs.count, [&](const float *const *pixel, int64_t at) {
          kernels.signal(pixel, at, w + (at / width * count + i) * width + at % width, w_stride);
        });
        for (int64_t at = RoundUp(outputs.count, kBlock); at < panels * width; at += kBlock) {
          for (int p = 0; p < kPoints; p++) {
            std::memset(w + p * w_stride + (at / width * count + i) * width + at % width, 0, kBlock * sizeof(float));
          }
        }
      }
    });
    const int64_t group = std::min<int64_t>(panels, 8), groups = Pieces(panels, group);
    run(kPoints * groups, [&](int, int64_t task) {
      const int64_t point = task / groups, from = task % groups * group;
      for (int64_t panel = from; panel < std::min(from + group, panels); panel++) {
        const float *b = w + point * w_stride + panel * count * width;
        for (int64_t strip = 0; strip < strips; strip++) {
          const int64_t channel = strip * kernels.channels;
          const float *a = v + point * v_stride + channel / kBlock * kBlock * count + channel % kBlock;
          kernels.accumulate(a, b, sum + point * s_stride + (panel * depth + channel) * width, count, first);
        }
      }
    });
  };
  const auto part = [&](int worker, int64_t group, Outputs outputs, const auto &run) {
    const int64_t begin = tiles * group / chunks.groups, end = tiles * (group + 1) / chunks.groups;
    for (int64_t at = begin; at < end; at += chunks.tiles) {
      chunk(worker, sums + group * kPoints * s_stride, at, std::min(chunks.tiles, end - at), at == begin, outputs, run);
    }
  };
  for (int64_t first = 0; first < shape.outputs; first += at_once) {
    const Outputs outputs = {first, std::min(at_once, shape.outputs - first)};
    if (together) {
      part(0, 0, outputs, runner.run);
    } else {
      runner.run(chunks.groups, [&](int thread, int64_t group) {
        part(thread, group, outputs, [&](int64_t tasks, const auto &body) {
          for (int64_t task = 0; task < tasks; task++) body(thread, task);
        });
      });
    }
    runner.run(channels, [&](int, int64_t channel) {
      FinishGradient(kernels, sums, s_stride, chunks.groups, depth, channel, outputs,
                     dw + channel * shape.outputs + first, channels * shape.outputs);
    });
  }
  return true;
}

}  // namespace winograd
}  // namespace relaybp

#endif  // RELAYBP_WINOGRAD_H_
