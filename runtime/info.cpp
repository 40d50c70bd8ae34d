// What a program is made of, or what a checkpoint holds: the `info` command.
#include "checkpoint_file.h"
#include "session.h"
#include "text.h"

namespace tarn::runtime {

using Big = long long;

static std::string bytes_text(uint64_t bytes) {
  if (bytes < 10000) return format("%llu bytes", static_cast<unsigned long long>(bytes));
  double mib = static_cast<double>(bytes) / (1 << 20);
  return format("%llu bytes (%.*f MiB)", static_cast<unsigned long long>(bytes), mib < 10 ? 2 : 1, mib);
}

static std::string role_table(const tarn_program& program, tarn_role role, const char* title) {
  std::string text;
  int64_t total = 0;
  for (const tarn_tensor* tensor : tensors_of_role(program, role)) {
    text += format("  %-28s %-4s %-18s %12lld\n", tensor->name, dtype_name(tensor->dtype),
                   shape_text(tensor->shape, tensor->rank).c_str(), static_cast<Big>(element_count(*tensor)));
    total += element_count(*tensor);
  }
  return text.empty() ? "" : format("\n%s: %lld\n", title, static_cast<Big>(total)) + text;
}

static std::string entry_line(const char* name, const tarn_entry& entry) {
  if (entry.run == nullptr) return format("  %-12s -\n", name);
  double flops = 0;
  for (uint32_t i = 0; i < entry.kernel_count; ++i) flops += entry.kernels[i].flops;
  return format("  %-12s %u kernels, %s FLOP\n", name, entry.kernel_count, short_number(flops).c_str());
}

static std::string model_text(const tarn_program& program, const RunConfig& config) {
  std::string text =
      format("model       %s%s%s\n", program.name, config.source.empty() ? "" : ", from ", config.source.c_str());
  text += format("compiler    tarn %s, for %s\nbatch       %u rows\n", program.version, program.cpu, program.batch);
  text += format("arena       %s, of which %s persist\n", bytes_text(program.arena_bytes).c_str(),
                 bytes_text(program.persistent_bytes).c_str());
  if (config.data) text += format("data        %s: %s\n", config.data->name.c_str(), config.data->train.c_str());
  if (config.train)
    text += format("training    %lld %s, seed %lld\n",
                   static_cast<Big>(config.train->steps > 0 ? config.train->steps : config.train->epochs),
                   config.train->steps > 0 ? "steps" : "epochs", static_cast<Big>(config.train->seed));
  text += role_table(program, TARN_PARAM, "parameters");
  text += role_table(program, TARN_STATE, "states");
  text += role_table(program, TARN_SLOT, "optimizer slots");
  text += role_table(program, TARN_INPUT, "input values per batch");
  text += role_table(program, TARN_OUTPUT, "output values per batch");
  std::string hypers;
  for (const tarn_tensor* hyper : tensors_of_role(program, TARN_HYPER))
    hypers += format("  --%-26s default %g\n", hyper->name, hyper->initial);
  if (!hypers.empty()) text += "\nhypers\n" + hypers;
  return text + "\nentry points\n" + entry_line("init", program.init) + entry_line("train_step", program.train_step) +
         entry_line("eval_step", program.eval_step) + entry_line("predict", program.predict);
}

static std::string checkpoint_text(const CheckpointFile& file) {
  std::string text = format("%s: %zu tensors\n\n", file.path().c_str(), file.entries().size());
  for (const auto& [key, value] : file.all_metadata()) text += format("  %-28s %s\n", key.c_str(), value.c_str());
  text += "\n";
  for (const CheckpointFile::Entry& entry : file.entries())
    text += format("  %-28s %-4s %s\n", entry.name.c_str(), entry.dtype.c_str(),
                   shape_text(entry.shape.data(), static_cast<uint32_t>(entry.shape.size())).c_str());
  return text;
}

Result<std::string> info_text(const tarn_program& program, const RunConfig& config, const Options& options) {
  if (options.positional.empty()) return model_text(program, config);
  Result<CheckpointFile> file = CheckpointFile::open(options.positional[0]);
  if (!file) return file.error();
  return checkpoint_text(*file);
}

}  // namespace tarn::runtime
