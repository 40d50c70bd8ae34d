// Where a training run stands, beside the tensors.
#include "run_state.h"

#include <algorithm>
#include <utility>

namespace tarn::runtime {

void Totals::add(const Model& model, int64_t count) {
  auto weight = static_cast<double>(count);
  loss += model.loss() * weight;
  for (size_t i = 0; i < metrics.size(); ++i) metrics[i] += model.metric(i) * weight;
  rows += count;
}

void Totals::clear() {
  loss = 0;
  rows = 0;
  std::fill(metrics.begin(), metrics.end(), 0.0);
}

template <typename Visit>
static void each_weight(const Model& model, Visit visit) {
  size_t at = 0;
  for (uint32_t i = 0; i < model.program().tensor_count; ++i) {
    const tarn_tensor& tensor = model.program().tensors[i];
    if (!tarn_is_weight(&tensor)) continue;
    visit(tensor, at);
    at += tensor.bytes;
  }
}

void WeightCopy::allocate(const Model& model) {
  size_t size = 0;
  each_weight(model, [&](const tarn_tensor& tensor, size_t at) { size = at + tensor.bytes; });
  bytes_.resize(size);
}

void WeightCopy::take(const Model& model) {
  if (bytes_.empty()) allocate(model);
  each_weight(model, [&](const tarn_tensor& tensor, size_t at) { model.read(tensor, bytes_.data() + at); });
}

void WeightCopy::put(Model& model) const {
  each_weight(model, [&](const tarn_tensor& tensor, size_t at) { model.write(tensor, bytes_.data() + at); });
}

void WeightCopy::swap(Model& model) {
  WeightCopy current;
  current.take(model);
  put(model);
  bytes_.swap(current.bytes_);
}

const unsigned char* WeightCopy::place(const Model& model, const tarn_tensor& wanted) const {
  const unsigned char* found = nullptr;
  each_weight(model, [&](const tarn_tensor& tensor, size_t at) {
    if (&tensor == &wanted) found = bytes_.data() + at;
  });
  return found;
}

unsigned char* WeightCopy::place(const Model& model, const tarn_tensor& wanted) {
  return const_cast<unsigned char*>(std::as_const(*this).place(model, wanted));
}

}  // namespace tarn::runtime
