// TensorFlow operations of our own, for the CPU: what TensorFlow does in several passes over memory, in one.
#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/platform/threadpool.h"

namespace relaybp {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using BFloat16 = tensorflow::bfloat16;

// Compiled once for each instruction set and chosen when the library loads: the cache folder may be shared. Older
// compilers do not know these levels: slower, with the same results.
#if defined(__x86_64__) && !defined(__clang__) && __GNUC__ >= 11
#define RELAYBP_VECTORIZED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define RELAYBP_VECTORIZED
#endif

// --- Loops ------------------------------------------------------------------------------------------------
// Bfloat16 values come as their bits: the compiler vectorizes integer arithmetic.

using Bits = uint16_t;

static inline float Load(float x) { return x; }
static inline float Load(Bits x) {
  const uint32_t bits = static_cast<uint32_t>(x) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
static inline void Store(float value, float *to) { *to = value; }
// To nearest, ties to even. What is not a number stays so: rounding could carry it to infinity.
static inline void Store(float value, Bits *to) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const uint32_t nan = (bits >> 16) | 0x40u;
  *to = static_cast<Bits>((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}

#define RELAYBP_RELU_GRADIENT(S, R)                                                                      \
  RELAYBP_VECTORIZED void ReluGradient(const S *__restrict dy, const S *__restrict y, R *__restrict dz,    \
                                       float *__restrict sums, int64_t rows, int64_t channels) {           \
    for (int64_t row = 0; row < rows; row++) {                                                              \
      const int64_t at = row * channels;                                                                    \
      for (int64_t c = 0; c < channels; c++) {                                                              \
        const float value = Load(y[at + c]) > 0 ? Load(dy[at + c]) : 0.0f;                                  \
        Store(value, dz + at + c);                                                                          \
        sums[c] += value;                                                                                   \
      }                                                                                                     \
    }                                                                                                       \
  }                                                                                                         \
  RELAYBP_VECTORIZED void ReluGradient(const S *__restrict dy, const S *__restrict y, R *__restrict dz,    \
                                       int64_t count) {                                                     \
    for (int64_t i = 0; i < count; i++) Store(Load(y[i]) > 0 ? Load(dy[i]) : 0.0f, dz + i);                 \
  }
RELAYBP_RELU_GRADIENT(float, float)
RELAYBP_RELU_GRADIENT(Bits, float)
RELAYBP_RELU_GRADIENT(Bits, Bits)

#define RELAYBP_CAST(S, R)                                                                        \
  RELAYBP_VECTORIZED void Convert(const S *__restrict x, R *__restrict y, int64_t count) {        \
    for (int64_t i = 0; i < count; i++) Store(Load(x[i]), y + i);                                 \
  }
RELAYBP_CAST(float, float)
RELAYBP_CAST(float, Bits)
RELAYBP_CAST(Bits, float)
RELAYBP_CAST(Bits, Bits)

struct SgdStep {
  float lr, momentum, weight_decay, nesterov;
};

RELAYBP_VECTORIZED void Sgd(float *__restrict w, float *__restrict v, const float *__restrict g,
                            const SgdStep step, int64_t count) {
  if (step.nesterov != 0) {
    for (int64_t i = 0; i < count; i++) {
      const float pull = step.lr * (g[i] + step.weight_decay * w[i]);
      v[i] = step.momentum * v[i] + pull;
      w[i] -= step.momentum * v[i] + pull;
    }
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    v[i] = step.momentum * v[i] + step.lr * (g[i] + step.weight_decay * w[i]);
    w[i] -= v[i];
  }
}

struct AdamWStep {
  float lr, beta1, rest1, beta2, rest2, epsilon, weight_decay, correction1, correction2;
};

RELAYBP_VECTORIZED void AdamW(float *__restrict w, float *__restrict m, float *__restrict v,
                              const float *__restrict g, const AdamWStep step, int64_t count) {
  const float rate = step.lr / step.correction1, scale = 1.0f / step.correction2;
  for (int64_t i = 0; i < count; i++) {
    m[i] = step.beta1 * m[i] + step.rest1 * g[i];
    v[i] = step.beta2 * v[i] + step.rest2 * g[i] * g[i];
    w[i] -= step.lr * step.weight_decay * w[i] + rate * m[i] / (__builtin_sqrtf(v[i] * scale) + step.epsilon);
  }
}

RELAYBP_VECTORIZED void Accumulate(float *__restrict sum, const float *__restrict addend, int64_t count) {
  for (int64_t i = 0; i < count; i++) sum[i] += addend[i];
}

// --- Threads ----------------------------------------------------------------------------------------------

// Below this many values the threads' start costs more than they save.
constexpr int64_t kWorthSharing = 1 << 15;

static int Parts(OpKernelContext *context, int64_t values) {
  return values < kWorthSharing ? 1 : context->device()->tensorflow_cpu_worker_threads()->num_threads;
}

// Calls `body(part, begin, end)` for each of `parts` consecutive pieces of [0, size) on TensorFlow's threads. The pieces
// depend on nothing but these two numbers, so that sums are the same in every run.
template <typename Body>
static void Share(OpKernelContext *context, int parts, int64_t size, const Body &body) {
  const auto piece = [&](int64_t part) {
    const int64_t begin = size * part / parts, end = size * (part + 1) / parts;
    if (begin < end) body(static_cast<int>(part), begin, end);
  };
  if (parts == 1) return piece(0);
  context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(
      parts, tensorflow::thread::ThreadPool::SchedulingParams::Fixed(1), [&](int64_t first, int64_t last) {
        for (int64_t part = first; part < last; part++) piece(part);
      });
}

// --- Operations -------------------------------------------------------------------------------------------

// The values of a tensor, bfloat16 as bits.
template <typename T>
using Stored = std::conditional_t<std::is_same_v<T, float>, float, Bits>;

template <typename T>
static Stored<T> *Data(const Tensor &tensor) {
  return reinterpret_cast<Stored<T> *>(tensor.data());
}

// Rows that are summed in float before their sum is added in double: keeps the error of long sums small.
constexpr int64_t kBlock = 128;

template <typename S, typename R>
class ReluGradientOp : public OpKernel {
 public:
  explicit ReluGradientOp(OpKernelConstruction *construction) : OpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("channel_sums", &channel_sums_));
  }

  void Compute(OpKernelContext *context) override {
    const Tensor &dy = context->input(0), &y = context->input(1);
    OP_REQUIRES(context, dy.shape() == y.shape() && dy.dims() > 0,
                absl::InvalidArgumentError("the signal and the output differ in shape"));
    const int64_t channels = dy.dim_size(dy.dims() - 1);
    Tensor *dz = nullptr, *sums = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, dy.shape(), &dz));
    OP_REQUIRES_OK(context, context->allocate_output(1, TensorShape({channel_sums_ ? channels : 0}), &sums));
    const int64_t count = dy.NumElements();
    const auto *signal = Data<S>(dy), *output = Data<S>(y);
    auto *result = Data<R>(*dz);
    const int parts = Parts(context, count);
    if (!channel_sums_) {
      return Share(context, parts, count, [&](int, int64_t begin, int64_t end) {
        ReluGradient(signal + begin, output + begin, result + begin, end - begin);
      });
    }
    std::vector<double> totals(parts * channels, 0.0);
    Share(context, parts, channels == 0 ? 0 : count / channels, [&](int part, int64_t begin, int64_t end) {
      double *total = totals.data() + part * channels;
      std::vector<float> block(channels);
      for (int64_t row = begin; row < end; row += kBlock) {
        const int64_t rows = std::min(kBlock, end - row), at = row * channels;
        std::fill(block.begin(), block.end(), 0.0f);
        ReluGradient(signal + at, output + at, result + at, block.data(), rows, channels);
        for (int64_t c = 0; c < channels; c++) total[c] += block[c];
      }
    });
    for (int64_t c = 0; c < channels; c++) {
      double sum = 0;
      for (int part = 0; part < parts; part++) sum += totals[part * channels + c];
      Data<float>(*sums)[c] = static_cast<float>(sum);
    }
  }

 private:
  bool channel_sums_ = false;
};

template <typename S, typename R>
class CastOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext *context) override {
    const Tensor &x = context->input(0);
    Tensor *y = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &y));
    const auto *from = Data<S>(x);
    auto *to = Data<R>(*y);
    const int64_t count = x.NumElements();
    Share(context, Parts(context, count), count,
          [&](int, int64_t begin, int64_t end) { Convert(from + begin, to + begin, end - begin); });
  }
};

class SgdOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext *context) override {
    const Tensor &weight = context->input(0), &velocity = context->input(1), &gradient = context->input(2);
    const Tensor &step = context->input(3);
    OP_REQUIRES(context, weight.shape() == velocity.shape() && weight.shape() == gradient.shape(),
                absl::InvalidArgumentError("weight, velocity and gradient differ in shape"));
    OP_REQUIRES(context, step.NumElements() == 4, absl::InvalidArgumentError("a step has four values"));
    SgdStep options;
    std::memcpy(&options, step.data(), sizeof options);
    float *w = Data<float>(weight), *v = Data<float>(velocity);
    const float *g = Data<float>(gradient);
    const int64_t count = weight.NumElements();
    Share(context, Parts(context, count), count,
          [&](int, int64_t begin, int64_t end) { Sgd(w + begin, v + begin, g + begin, options, end - begin); });
  }
};

class AdamWOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext *context) override {
    const Tensor &weight = context->input(0), &first = context->input(1), &second = context->input(2);
    const Tensor &gradient = context->input(3), &step = context->input(4);
    OP_REQUIRES(context,
                weight.shape() == first.shape() && weight.shape() == second.shape() &&
                    weight.shape() == gradient.shape(),
                absl::InvalidArgumentError("weight, moments and gradient differ in shape"));
    OP_REQUIRES(context, step.NumElements() == 9, absl::InvalidArgumentError("a step has nine values"));
    AdamWStep options;
    std::memcpy(&options, step.data(), sizeof options);
    float *w = Data<float>(weight), *m = Data<float>(first), *v = Data<float>(second);
    const float *g = Data<float>(gradient);
    const int64_t count = weight.NumElements();
    Share(context, Parts(context, count), count, [&](int, int64_t begin, int64_t end) {
      AdamW(w + begin, m + begin, v + begin, g + begin, options, end - begin);
    });
  }
};

class AccumulateOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext *context) override {
    const Tensor &sum = context->input(0), &addend = context->input(1);
    OP_REQUIRES(context, sum.shape() == addend.shape(),
                absl::InvalidArgumentError("sum and addend differ in shape"));
    float *to = Data<float>(sum);
    const float *from = Data<float>(addend);
    const int64_t count = sum.NumElements();
    Share(context, Parts(context, count), count,
          [&](int, int64_t begin, int64_t end) { Accumulate(to + begin, from + begin, end - begin); });
  }
};

class RowsOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext *context) override {
    const Tensor &t = context->input(0), &range = context->input(1);
    OP_REQUIRES(context, range.NumElements() == 2, absl::InvalidArgumentError("a range has a begin and an end"));
    const int64_t begin = range.flat<int32_t>()(0), end = range.flat<int32_t>()(1);
    OP_REQUIRES(context, t.dims() > 0 && 0 <= begin && begin <= end && end <= t.dim_size(0),
                absl::InvalidArgumentError("the rows are outside of the tensor"));
    context->set_output(0, t.Slice(begin, end));
  }
};

// --- Registration -----------------------------------------------------------------------------------------

// dz = y > 0 ? dy : 0, all of one shape; with `channel_sums` also the sums of dz over all axes but the last, which are
// the gradient of a bias (else an empty tensor).
REGISTER_OP("RelaybpReluGradient")
    .Input("dy: S")
    .Input("y: S")
    .Output("dz: R")
    .Output("sums: float")
    .Attr("S: {float, bfloat16}")
    .Attr("R: {float, bfloat16}")
    .Attr("channel_sums: bool")
    .SetShapeFn(tensorflow::shape_inference::UnknownShape);

// float to bfloat16 (to nearest, ties to even) or back; of one type to the same: a copy.
REGISTER_OP("RelaybpCast")
    .Input("x: S")
    .Output("y: R")
    .Attr("S: {float, bfloat16}")
    .Attr("R: {float, bfloat16}")
    .SetShapeFn(tensorflow::shape_inference::UnchangedShape);

// In place: velocity = momentum * velocity + lr * (gradient + weightDecay * weight), then weight -= velocity, or with
// Nesterov's momentum weight -= momentum * velocity + lr * (gradient + weightDecay * weight). `step` holds lr, momentum,
// weightDecay, and 1 for Nesterov or 0. The caller sees to it that nothing else lies in the memory of the first two.
REGISTER_OP("RelaybpSgd")
    .Input("weight: float")
    .Input("velocity: float")
    .Input("gradient: float")
    .Input("step: float")
    .SetIsStateful()
    .SetShapeFn(tensorflow::shape_inference::NoOutputs);

// In place, with g the gradient: first = beta1 * first + (1 - beta1) * g, second = beta2 * second + (1 - beta2) * g^2, and
// weight -= lr * weightDecay * weight + lr / c1 * first / (sqrt(second / c2) + epsilon). `step` holds lr, beta1,
// 1 - beta1, beta2, 1 - beta2, epsilon, weightDecay, c1 = 1 - beta1^t and c2 = 1 - beta2^t. Nothing else lies in the memory of the first three.
REGISTER_OP("RelaybpAdamW")
    .Input("weight: float")
    .Input("first: float")
    .Input("second: float")
    .Input("gradient: float")
    .Input("step: float")
    .SetIsStateful()
    .SetShapeFn(tensorflow::shape_inference::NoOutputs);

// In place: sum += addend. The caller sees to it that nothing else lies in the memory of the sum.
REGISTER_OP("RelaybpAccumulate")
    .Input("sum: float")
    .Input("addend: float")
    .SetIsStateful()
    .SetShapeFn(tensorflow::shape_inference::NoOutputs);

// The rows [begin, end) along the first axis, in the same memory.
REGISTER_OP("RelaybpRows")
    .Input("t: float")
    .Input("range: int32")
    .Output("rows: float")
    .SetIsStateful()
    .SetShapeFn(tensorflow::shape_inference::UnknownShape);

#define RELAYBP_KERNEL(NAME, CLASS, S, R)                                                                     \
  REGISTER_KERNEL_BUILDER(                                                                                    \
      Name(NAME).Device(tensorflow::DEVICE_CPU).TypeConstraint<S>("S").TypeConstraint<R>("R"), CLASS<S, R>)
RELAYBP_KERNEL("RelaybpReluGradient", ReluGradientOp, float, float);
RELAYBP_KERNEL("RelaybpReluGradient", ReluGradientOp, BFloat16, float);
RELAYBP_KERNEL("RelaybpReluGradient", ReluGradientOp, BFloat16, BFloat16);
RELAYBP_KERNEL("RelaybpCast", CastOp, float, float);
RELAYBP_KERNEL("RelaybpCast", CastOp, float, BFloat16);
RELAYBP_KERNEL("RelaybpCast", CastOp, BFloat16, float);
RELAYBP_KERNEL("RelaybpCast", CastOp, BFloat16, BFloat16);
REGISTER_KERNEL_BUILDER(Name("RelaybpSgd").Device(tensorflow::DEVICE_CPU), SgdOp);
REGISTER_KERNEL_BUILDER(Name("RelaybpRows").Device(tensorflow::DEVICE_CPU), RowsOp);
REGISTER_KERNEL_BUILDER(Name("RelaybpAdamW").Device(tensorflow::DEVICE_CPU), AdamWOp);
REGISTER_KERNEL_BUILDER(Name("RelaybpAccumulate").Device(tensorflow::DEVICE_CPU), AccumulateOp);

}  // namespace relaybp
