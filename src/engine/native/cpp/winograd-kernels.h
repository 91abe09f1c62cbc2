// Inner loops of Winograd's convolutions, compiled once for each instruction set, and the choice among them.
#ifndef RELAYBP_WINOGRAD_KERNELS_H_
#define RELAYBP_WINOGRAD_KERNELS_H_

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <strings.h>

namespace relaybp {
namespace winograd {

// The points of F(4x4, 3x3) are 0, a, -a, b, -b and infinity, with a = 3/4 and b = 3/2; see docs/decisions/winograd.md.
constexpr float kA = 0.75f, kB = 1.5f, kA2 = kA * kA, kB2 = kB * kB;
// Of each point over the product of its distances from the other finite ones.
constexpr float kN0 = 1 / (kA2 * kB2), kNa = 1 / (2 * kA2 * (kA2 - kB2)), kNb = 1 / (2 * kB2 * (kB2 - kA2));

// Channels go in blocks of so many floats, a cache line.
constexpr int kBlock = 16;

struct Kernels {
  int rows, width, channels;
  void (*input)(const float *const from[36], int64_t at, float *to, int64_t stride);
  void (*signal)(const float *const from[16], int64_t at, float *to, int64_t stride);
  void (*filter)(const float *from, int64_t step, float *to, int64_t stride);
  void (*output)(const float *from, int64_t stride, const float *bias, bool relu, float *const to[16], int64_t at);
  void (*gradient)(const float *from, int64_t stride, float *to, int64_t step);
  void (*product)(int rows, const float *a, const float *b, float *m, int64_t depth);
  void (*accumulate)(const float *a, const float *b, float *sum, int64_t tiles, bool first);
};

#if defined(__x86_64__)
#define RELAYBP_ISA avx512
#define RELAYBP_TARGET __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")))
#define RELAYBP_LANES 16
#define RELAYBP_VECTORS 2
#define RELAYBP_ROWS 14
#define RELAYBP_CHANNELS 8
#include "winograd-kernels.inc"

#define RELAYBP_ISA avx2
#define RELAYBP_TARGET __attribute__((target("avx2,fma")))
#define RELAYBP_LANES 8
#define RELAYBP_VECTORS 2
#define RELAYBP_ROWS 6
#define RELAYBP_CHANNELS 4
#include "winograd-kernels.inc"
#endif

#define RELAYBP_ISA any
#define RELAYBP_TARGET
#define RELAYBP_LANES 4
#define RELAYBP_VECTORS 4
#define RELAYBP_ROWS 3
#define RELAYBP_CHANNELS 2
#include "winograd-kernels.inc"

// The widest that the CPU has and that ONEDNN_MAX_CPU_ISA (or DNNL_MAX_CPU_ISA) allows, as oneDNN's own kernels do.
inline const Kernels &BestKernels() {
#if defined(__x86_64__)
  const char *limit = std::getenv("ONEDNN_MAX_CPU_ISA");
  if (!limit || !*limit) limit = std::getenv("DNNL_MAX_CPU_ISA");
  if (!limit) limit = "";
  const auto is = [limit](const char *start) { return strncasecmp(limit, start, std::strlen(start)) == 0; };
  const bool plain = is("SSE41") || (is("AVX") && !is("AVX2") && !is("AVX512") && !is("AVX10"));
  const bool short_vectors = plain || is("AVX2");
  if (!short_vectors && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
    return avx512::kKernels;
  }
  if (!plain && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2::kKernels;
#endif
  return any::kKernels;
}

}  // namespace winograd
}  // namespace relaybp

#endif  // RELAYBP_WINOGRAD_KERNELS_H_
