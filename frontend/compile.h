// The front end's interface: source text -> tensor IR with its entry points and records.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "ir/base/diagnostic.h"
#include "ir/graph.h"

namespace tarn {

struct FrontendOptions {
  std::map<std::string, std::string> defines;  // overrides `const NAME` (tarn build -D NAME=VALUE)
  std::optional<int64_t> batch;                // overrides the batch size B
  std::string train_name;                      // which `train` block, where there are several
  std::string model_name;                      // which model, where there is no `train`
};

// The program of one source file: functions init, train_step, eval_step and predict, and records data, input, train,
// early_stop, checkpoint and model (docs/language.md, "What the compiler makes of it").  Reports into `sink`; nullopt
// iff it reported errors.  Library files that messages point into are added to `sources`.
std::optional<Module> compile_source(SourceManager& sources, uint32_t file, const FrontendOptions& options,
                                     DiagnosticSink& sink);

}  // namespace tarn
