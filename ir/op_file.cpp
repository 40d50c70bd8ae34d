// The shapes that the registry tests try on ops of one form.
#include "ir/op_file.h"

namespace tarn {

std::vector<Sample> elementwise_samples(int arity, double lo, double hi, const std::vector<double>& avoid,
                                        DType dtype) {
  std::vector<Sample> samples;
  for (const Shape& shape : {Shape{3, 5}, Shape{}, Shape{0, 4}, Shape{17}, Shape{2, 1, 3}}) {
    std::vector<SampleInput> inputs(arity, SampleInput{Type{dtype, shape}, lo, hi});
    samples.push_back({std::move(inputs), {}, avoid});
  }
  for (DType half : {DType::F16, DType::BF16}) {
    if (dtype != DType::F32) break;
    samples.push_back({std::vector<SampleInput>(arity, SampleInput{Type{half, {35}}, lo, hi}), {}, avoid});
  }
  return samples;
}

std::vector<Sample> number_samples(int arity, double lo, double hi, const std::vector<double>& avoid) {
  std::vector<Sample> samples = elementwise_samples(arity, lo, hi, avoid);
  samples.push_back({std::vector<SampleInput>(arity, SampleInput{Type{DType::I32, {7}}, -50, 50}), {}, {}});
  return samples;
}

std::vector<Sample> comparison_samples() {
  std::vector<Sample> samples;
  for (const Shape& shape : {Shape{3, 5}, Shape{}, Shape{0, 4}}) {
    samples.push_back({std::vector<SampleInput>(2, SampleInput{Type{DType::F32, shape}}), {}, {}});
  }
  samples.push_back({std::vector<SampleInput>(2, SampleInput{Type{DType::I32, {33}}, 0, 3}), {}, {}});
  samples.push_back({std::vector<SampleInput>(2, SampleInput{Type{DType::F16, {33}}, -0.01, 0.01}), {}, {}});
  return samples;
}

std::vector<Sample> reduce_samples(double lo, double hi, bool with_empty) {
  auto sample = [&](Shape shape, std::vector<int64_t> axes) {
    return Sample{{SampleInput{Type{DType::F32, std::move(shape)}, lo, hi}}, {{"axes", std::move(axes)}}, {}};
  };
  std::vector<Sample> samples = {sample({3, 5}, {0, 1}), sample({3, 5}, {0}),    sample({3, 5}, {1}),
                                 sample({}, {}),         sample({2, 7, 3}, {1}), sample({2, 3, 5}, {0, 2}),
                                 sample({4, 1}, {1}),    sample({0, 4}, {1}),    sample({33}, {0})};
  if (with_empty) samples.push_back(sample({0, 4}, {0}));
  for (DType half : {DType::F16, DType::BF16}) {
    samples.push_back({{SampleInput{Type{half, {4, 9}}, lo, hi}}, {{"axes", std::vector<int64_t>{1}}}, {}});
  }
  samples.push_back({{SampleInput{Type{DType::I32, {4, 6}}, -9, 9}}, {{"axes", std::vector<int64_t>{1}}}, {}});
  return samples;
}

std::vector<Sample> accumulate_samples(double lo, double hi) {
  std::vector<Sample> samples = reduce_samples(lo, hi, true);
  auto add = [&](Type type, std::vector<int64_t> axes, std::string accumulate) {
    samples.push_back({{SampleInput{std::move(type), lo, hi}},
                       {{"accumulate", std::move(accumulate)}, {"axes", std::move(axes)}},
                       {}});
  };
  add({DType::F32, {3, 33}}, {1}, "f64");
  add({DType::F32, {17, 5}}, {0}, "f64");
  add({DType::F16, {9, 5}}, {0}, "f64");
  add({DType::U8, {4, 6}}, {0, 1}, "i32");
  add({DType::I32, {7}}, {0}, "i64");
  return samples;
}

}  // namespace tarn
