// A loss that is not finite -> the first op that made a value that is not, with its source line.
#include "diverged.h"

#include <cmath>
#include <cstring>

#include "half.h"
#include "text.h"

namespace tarn::runtime {

static double value_at(const unsigned char* data, uint32_t dtype, int64_t element) {
  if (dtype == TARN_F64) {
    double value = 0;
    memcpy(&value, data + element * 8, 8);
    return value;
  }
  if (is_half(dtype)) return read_half(data, dtype, static_cast<uint64_t>(element));
  float value = 0;
  memcpy(&value, data + element * 4, 4);
  return static_cast<double>(value);
}

static const char* kind_text(double value) {
  return std::isnan(value) ? "NaN" : value > 0 ? "infinity" : "-infinity";
}

static std::string find_bad_input(const Model& model, const BatchOrigin& origin) {
  for (const tarn_tensor* input : model.inputs()) {
    auto elements = static_cast<uint64_t>(element_count(*input));
    const unsigned char* data = model.view(*input);
    int64_t element = first_not_finite(data, input->dtype, elements);
    if (element < 0) continue;
    int64_t row = element / (static_cast<int64_t>(elements) / model.batch());
    int64_t at = origin.first + row % origin.count;
    unsigned data_row = origin.rows[at];
    return format("the data hold %s: input `%s`, row %u of its file (counted from 0)",
                  kind_text(value_at(data, input->dtype, element)), input->name, data_row);
  }
  return "";
}

std::string find_bad_parameter(const Model& model) {
  static const char* const kRoles[] = {"parameter", "state", "optimizer slot"};
  for (uint32_t i = 0; i < model.program().tensor_count; ++i) {
    const tarn_tensor& tensor = model.program().tensors[i];
    if (!tarn_is_saved(&tensor)) continue;
    const unsigned char* data = model.view(tensor);
    int64_t element = first_not_finite(data, tensor.dtype, static_cast<uint64_t>(element_count(tensor)));
    if (element < 0) continue;
    return format("%s `%s` holds %s (element %lld)", kRoles[tensor.role], tensor.name,
                  kind_text(value_at(data, tensor.dtype, element)), static_cast<long long>(element));
  }
  return "";
}

// What the second run looks for: the first value that is not finite and the first NaN (an infinity may be meant, as in
// a mask; a NaN never is).
struct Search {
  const Model* model;
  const tarn_entry* entry;
  struct Hit {
    const tarn_kernel* kernel = nullptr;
    const tarn_kernel_output* output = nullptr;
    int64_t element = 0;
    double value = 0;
  };
  Hit first, first_nan;
};

static void look(void* user, uint32_t index, const uint64_t* iterations) {
  auto& search = *static_cast<Search*>(user);
  if (index >= search.entry->kernel_count || search.first_nan.kernel != nullptr) return;
  const tarn_kernel& kernel = search.entry->kernels[index];
  for (uint32_t i = 0; i < kernel.output_count; ++i) {
    const tarn_kernel_output& output = kernel.outputs[i];
    uint64_t offset = output.offset;
    for (uint32_t loop = 0; output.strides != nullptr && loop < output.loop_count; ++loop)
      offset += output.strides[loop] * iterations[loop];
    const unsigned char* data = search.model->view(offset, output.elements * dtype_bytes(output.dtype));
    int64_t element = first_not_finite(data, output.dtype, output.elements);
    if (element < 0) continue;
    Search::Hit hit{&kernel, &output, element, value_at(data, output.dtype, element)};
    if (search.first.kernel == nullptr) search.first = hit;
    if (std::isnan(hit.value) && search.first_nan.kernel == nullptr) search.first_nan = hit;
  }
}

static std::string hit_text(const Search::Hit& hit) {
  std::string place = *hit.output->location ? std::string(" at ") + hit.output->location : "";
  std::string text = format("`%s`%s made %s in `%s` (element %lld of %llu, kernel `%s`)", hit.output->op, place.c_str(),
                            kind_text(hit.value), hit.output->name, static_cast<long long>(hit.element),
                            static_cast<unsigned long long>(hit.output->elements), hit.kernel->name);
  const char* summary = hit.kernel->summary;
  if (summary == nullptr || *summary == 0) return text;
  text += "\n  fused into this kernel, and able to turn finite numbers into NaN or infinity:";
  while (*summary != 0) {
    size_t length = strcspn(summary, "\n");
    text += "\n    " + std::string(summary, length);
    summary += length + (summary[length] == '\n');
  }
  return text;
}

std::string explain_divergence(Model& model, const tarn_entry& entry, const BatchOrigin& origin) {
  if (std::string bad = find_bad_input(model, origin); !bad.empty()) return bad;
  if (std::string bad = find_bad_parameter(model); !bad.empty())
    return bad +
           " already before this step: the update of the step before made it (a smaller learning rate, or "
           "`clip_norm`, may help)";
  Search search{&model, &entry, {}, {}};
  tarn_observer observer{look, &search};
  (void)model.run(entry, &observer);
  if (search.first.kernel == nullptr) return "the loss alone is not finite: no kernel's stored output shows where";
  std::string text = hit_text(search.first);
  if (search.first_nan.kernel != nullptr && search.first_nan.output != search.first.output)
    text += "\n  then " + hit_text(search.first_nan);
  return text;
}

}  // namespace tarn::runtime
