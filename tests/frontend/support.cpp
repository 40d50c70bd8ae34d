// Compiles and interprets.
#include "tests/frontend/support.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "ir/verify.h"
#include "passes/pipeline.h"

namespace tarn::test {

std::string read_file(const std::string& path) {
  std::ifstream in(std::string(TARN_SOURCE_DIR) + "/" + path, std::ios::binary);
  REQUIRE(in.good());
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

Module compile(const std::string& text, const FrontendOptions& options) {
  SourceManager sources;
  DiagnosticSink sink;
  std::optional<Module> module = compile_source(sources, sources.add("test.tarn", text), options, sink);
  INFO(render_text(sink, sources, {}));
  REQUIRE(module.has_value());
  std::string violations;
  for (const std::string& violation : verify(*module)) violations += violation + "\n";
  CHECK(violations == "");
  return std::move(*module);
}

Module compile_expanded(const std::string& text) {
  Module module = compile(text);
  PipelineOptions options;
  options.passes = {"autodiff"};
  PipelineResult result = run_pipeline(module, options);
  REQUIRE(result.ok());
  return module;
}

void run(const Module& module, const std::string& name, Values& values) {
  const Func* func = module.find(name);
  REQUIRE(func != nullptr);
  std::vector<Tensor> args;
  for (const Argument& argument : func->args) {
    CAPTURE(func->name_of(argument.value));
    REQUIRE(values.count(func->name_of(argument.value)) == 1);
    args.push_back({func->type(argument.value), values.at(func->name_of(argument.value))});
    REQUIRE(static_cast<int64_t>(args.back().data.size()) == args.back().type.elements());
  }
  Result<std::vector<Tensor>> results = interpret(module, *func, std::move(args));
  REQUIRE(results);
  for (size_t i = 0; i < func->results.size(); ++i) values[func->results[i].name] = (*results)[i].data;
}

}  // namespace tarn::test
