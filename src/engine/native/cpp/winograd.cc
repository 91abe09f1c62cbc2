// TensorFlow operations for Winograd's convolutions (winograd.h), for the CPU, in float32.
#include "winograd.h"

#include <atomic>
#include <vector>

#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/platform/threadpool.h"

namespace relaybp {
namespace {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;

absl::Status Wrong(const char *what) { return absl::InvalidArgumentError(what); }

// TensorFlow's threads and memory, for one operation.
class Surroundings {
 public:
  explicit Surroundings(OpKernelContext *context) : context_(context) {
    const auto *workers = context->device()->tensorflow_cpu_worker_threads();
    runner_.threads = std::max(1, workers->num_threads);
    runner_.run = [workers, threads = runner_.threads](int64_t tasks,
                                                       const std::function<void(int, int64_t)> &body) {
      const int64_t shards = std::min<int64_t>(threads, tasks);
      if (shards <= 1) {
        for (int64_t task = 0; task < tasks; task++) body(0, task);
        return;
      }
      // Whoever is free takes the next task: no result depends on who computed it.
      std::atomic<int64_t> next{0};
      workers->workers->ParallelFor(
          shards, tensorflow::thread::ThreadPool::SchedulingParams::Fixed(1), [&](int64_t first, int64_t last) {
            for (int64_t shard = first; shard < last; shard++) {
              for (int64_t task = next++; task < tasks; task = next++) body(static_cast<int>(shard), task);
            }
          });
    };
    runner_.allocate = [this](int64_t count) -> float * {
      Tensor memory;
      // A few floats more, to begin at a cache line.
      status_ = context_->allocate_temp(tensorflow::DT_FLOAT, TensorShape({count + winograd::kBlock}), &memory);
      if (!status_.ok()) return nullptr;
      held_.push_back(memory);
      const auto address = reinterpret_cast<uintptr_t>(memory.data());
      return reinterpret_cast<float *>((address + 63) / 64 * 64);
    };
  }

  winograd::Runner &runner() { return runner_; }

  // After an operation that found no memory.
  void Fail() { context_->CtxFailure(status_); }

 private:
  OpKernelContext *context_;
  winograd::Runner runner_;
  absl::Status status_;
  std::vector<Tensor> held_;
};

// What the three operations share: `padding` `[top, bottom, left, right]`, and checks of the operands.
class WinogradOp : public OpKernel {
 public:
  explicit WinogradOp(OpKernelConstruction *construction) : OpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("padding", &padding_));
    OP_REQUIRES(construction, padding_.size() == 4, Wrong("padding has four amounts"));
    for (const int64_t amount : padding_) {
      OP_REQUIRES(construction, 0 <= amount && amount <= 1 << 20, Wrong("an amount of padding is out of range"));
    }
  }

 protected:
  // Of an input `[batch, height, width, channels]`.
  winograd::Correlation Forward(int64_t batch, int64_t height, int64_t width, int64_t channels,
                                int64_t outputs) const {
    return {batch,       height,      width,
            channels,    padding_[0], padding_[2],
            height + padding_[0] + padding_[1] - 2, width + padding_[2] + padding_[3] - 2, outputs};
  }

  // The input gradient's, of the same forward pass: a correlation of the signal.
  winograd::Correlation Backward(const winograd::Correlation &forward) const {
    return {forward.batch,   forward.out_height, forward.out_width,
            forward.outputs, 2 - forward.top,    2 - forward.left,
            forward.height,  forward.width,      forward.channels};
  }

  static bool IsFilter(const Tensor &filter) {
    return filter.dims() == 4 && filter.dim_size(0) == 3 && filter.dim_size(1) == 3;
  }

  // Whether `map` is the output of `shape`.
  static bool IsOutput(const winograd::Correlation &shape, const Tensor &map) {
    return map.dims() == 4 && map.dim_size(0) == shape.batch && map.dim_size(1) == shape.out_height &&
           map.dim_size(2) == shape.out_width && map.dim_size(3) == shape.outputs;
  }

  static const float *Values(const Tensor &tensor) { return static_cast<const float *>(tensor.data()); }
  static float *Values(Tensor *tensor) { return static_cast<float *>(tensor->data()); }

  const winograd::Kernels &kernels_ = winograd::BestKernels();

 private:
  std::vector<int64_t> padding_;
};

class ForwardOp : public WinogradOp {
 public:
  explicit ForwardOp(OpKernelConstruction *construction) : WinogradOp(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("relu", &relu_));
  }

  void Compute(OpKernelContext *context) override {
    const Tensor &x = context->input(0), &filter = context->input(1), &bias = context->input(2);
    OP_REQUIRES(context, x.dims() == 4 && IsFilter(filter) && filter.dim_size(2) == x.dim_size(3),
                Wrong("the input is not [batch, height, width, channels], or the filter not [3, 3, channels, outputs]"));
    const auto shape = Forward(x.dim_size(0), x.dim_size(1), x.dim_size(2), x.dim_size(3), filter.dim_size(3));
    OP_REQUIRES(context, shape.out_height > 0 && shape.out_width > 0, Wrong("3x3 pixels do not fit into the input"));
    OP_REQUIRES(context, bias.dims() == 1 && (bias.dim_size(0) == 0 || bias.dim_size(0) == shape.outputs),
                Wrong("the bias is not [outputs]"));
    Tensor *y = nullptr;
    OP_REQUIRES_OK(context,
                   context->allocate_output(
                       0, TensorShape({shape.batch, shape.out_height, shape.out_width, shape.outputs}), &y));
    Surroundings around(context);
    const float *offsets = bias.dim_size(0) == 0 ? nullptr : Values(bias);
    if (!winograd::Correlate(kernels_, around.runner(), shape, Values(x), Values(filter), false, offsets, relu_,
                             Values(y))) {
      around.Fail();
    }
  }

 private:
  bool relu_ = false;
};

class InputGradientOp : public WinogradOp {
 public:
  using WinogradOp::WinogradOp;

  void Compute(OpKernelContext *context) override {
    const Tensor &sizes = context->input(0), &filter = context->input(1), &dz = context->input(2);
    OP_REQUIRES(context, sizes.NumElements() == 4 && IsFilter(filter),
                Wrong("the input's shape has four sizes, the filter is [3, 3, channels, outputs]"));
    const auto size = sizes.flat<int32_t>();
    for (int i = 0; i < 4; i++) OP_REQUIRES(context, size(i) >= 0, Wrong("a size of the input is negative"));
    const auto forward = Forward(size(0), size(1), size(2), size(3), filter.dim_size(3));
    OP_REQUIRES(context, size(3) == filter.dim_size(2) && IsOutput(forward, dz),
                Wrong("the signal or the filter does not fit the input's shape"));
    Tensor *dx = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({size(0), size(1), size(2), size(3)}), &dx));
    Surroundings around(context);
    if (!winograd::Correlate(kernels_, around.runner(), Backward(forward), Values(dz), Values(filter), true, nullptr,
                             false, Values(dx))) {
      around.Fail();
    }
  }
};

class FilterGradientOp : public WinogradOp {
 public:
  using WinogradOp::WinogradOp;

  void Compute(OpKernelContext *context) override {
    const Tensor &x = context->input(0), &dz = context->input(1);
    OP_REQUIRES(context, x.dims() == 4 && dz.dims() == 4, Wrong("the input or the signal has not four axes"));
    const auto shape = Forward(x.dim_size(0), x.dim_size(1), x.dim_size(2), x.dim_size(3), dz.dim_size(3));
    OP_REQUIRES(context, IsOutput(shape, dz), Wrong("the signal does not fit the input"));
    Tensor *dw = nullptr;
    OP_REQUIRES_OK(context,
                   context->allocate_output(0, TensorShape({3, 3, shape.channels, shape.outputs}), &dw));
    Surroundings around(context);
    if (!winograd::FilterGradient(kernels_, around.runner(), shape, Values(x), Values(dz), Values(dw))) around.Fail();
  }
};

// y = correlation of x with a filter of 3x3 pixels, stride 1, plus bias (empty: none), then ReLU or not.
REGISTER_OP("RelaybpWinograd")
    .Input("x: float")
    .Input("filter: float")
    .Input("bias: float")
    .Output("y: float")
    .Attr("padding: list(int)")
    .Attr("relu: bool")
    .SetShapeFn(tensorflow::shape_inference::UnknownShape);

// The gradient of its input, of shape `sizes`.
REGISTER_OP("RelaybpWinogradInputGradient")
    .Input("sizes: int32")
    .Input("filter: float")
    .Input("dz: float")
    .Output("dx: float")
    .Attr("padding: list(int)")
    .SetShapeFn(tensorflow::shape_inference::UnknownShape);

// The gradient of its filter.
REGISTER_OP("RelaybpWinogradFilterGradient")
    .Input("x: float")
    .Input("dz: float")
    .Output("dw: float")
    .Attr("padding: list(int)")
    .SetShapeFn(tensorflow::shape_inference::UnknownShape);

REGISTER_KERNEL_BUILDER(Name("RelaybpWinograd").Device(tensorflow::DEVICE_CPU), ForwardOp);
REGISTER_KERNEL_BUILDER(Name("RelaybpWinogradInputGradient").Device(tensorflow::DEVICE_CPU), InputGradientOp);
REGISTER_KERNEL_BUILDER(Name("RelaybpWinogradFilterGradient").Device(tensorflow::DEVICE_CPU), FilterGradientOp);

}  // namespace
}  // namespace relaybp
