// A module's entry points driven by tensor names, on the interpreter and on the JIT.
#include "tests/oracle/runner.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "codegen/program/build_program.h"
#include "codegen/target/cpu/emit/jit.h"
#include "frontend/compile.h"
#include "ir/interpret.h"

namespace tarn::oracle {

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), "cannot open " << path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Module compile_text(std::string_view name, std::string text, int64_t batch) {
  SourceManager sources;
  DiagnosticSink sink;
  const uint32_t file = sources.add(std::string(name) + ".tarn", std::move(text));
  FrontendOptions options;
  if (batch > 0) options.batch = batch;
  std::optional<Module> module = compile_source(sources, file, options, sink);
  REQUIRE_MESSAGE(module.has_value(), render_text(sink, sources, {}));
  return std::move(*module);
}

// One past the optimizer's definition: the end of its line, or of the block that begins there.
static size_t optimizer_end(const std::string& text, size_t begin) {
  int depth = 0;
  size_t end = begin;
  while (text[end] != '\n' || depth > 0) {
    depth += text[end] == '{' ? 1 : text[end] == '}' ? -1 : 0;
    if (text[end] == '}' && depth < 0) return end;  // of the train block, all on one line
    ++end;
  }
  return end;
}

std::string with_probe(const std::string& text) {
  const size_t begin = text.find("optimizer = ");
  REQUIRE(begin != std::string::npos);
  return "optimizer probe(p, g, t;) { state grad = zeros; update grad = g; update p = p }\n" + text.substr(0, begin) +
         "optimizer = probe()" + text.substr(optimizer_end(text, begin));
}

static void run_passes(Module& module, const PipelineOptions& passes) {
  const PipelineResult result = run_pipeline(module, passes);
  for (const Error& error : result.errors) FAIL(error.location.text() << ": " << error.message);
}

// --- the interpreter

class InterpretRunner : public Runner {
 public:
  explicit InterpretRunner(Module module) : module_(std::move(module)) {
    for (const Func& func : module_.funcs) {
      if (func.kind == FuncKind::Entry) add_arguments(func);
    }
  }

  void set(std::string_view name, const std::vector<double>& values) override {
    Tensor& tensor = find(name);
    REQUIRE_MESSAGE(tensor.data.size() == values.size(), name << ": " << tensor.type.text());
    tensor.data = values;
  }
  std::vector<double> get(std::string_view name) override { return find(name).data; }
  std::vector<std::string> inputs() override { return inputs_; }
  void init() override { run("init", Role::None); }
  double train_step() override { return run("train_step", Role::Loss).data.at(0); }
  std::vector<double> predict() override { return run("predict", Role::Output).data; }

 private:
  void add_arguments(const Func& func) {
    for (const Argument& argument : func.args) {
      const std::string& name = func.name_of(argument.value);
      const Type& type = func.type(argument.value);
      const bool is_new = tensors_.try_emplace(name, Tensor{type, std::vector<double>(type.elements())}).second;
      double& first = tensors_.at(name).data.front();
      if (argument.role == Role::Input && is_new) inputs_.push_back(name);
      if (argument.role == Role::Hyper) first = argument.initial;
      if (argument.role == Role::Seed) first = 1;
      if (argument.role == Role::Count) count_ = name;
      if (argument.role == Role::TotalSteps) first = 1000;
    }
    if (!count_.empty() && !inputs_.empty()) tensors_.at(count_).data = {double(find(inputs_[0]).type.shape.at(0))};
  }

  Tensor& find(std::string_view name) {
    auto found = tensors_.find(name);
    REQUIRE_MESSAGE(found != tensors_.end(), "the model has no tensor " << name);
    return found->second;
  }

  // Runs an entry point, keeps what persists; the result of the wanted role.
  Tensor run(std::string_view entry, Role wanted) {
    const Func* func = module_.find(entry);
    REQUIRE(bool(func != nullptr));
    std::vector<Tensor> arguments;
    for (const Argument& argument : func->args) arguments.push_back(find(func->name_of(argument.value)));
    Result<std::vector<Tensor>> results = interpret(module_, *func, std::move(arguments));
    REQUIRE_MESSAGE(bool(results), results.error().message);
    Tensor answer;
    for (size_t i = 0; i < func->results.size(); ++i) {
      const FuncResult& result = func->results[i];
      if (is_persistent(result.role) || result.role == Role::Loss || result.role == Role::Metric)
        tensors_.insert_or_assign(result.name, (*results)[i]);
      if (result.role == wanted) answer = (*results)[i];
    }
    return answer;
  }

  Module module_;
  std::map<std::string, Tensor, std::less<>> tensors_;
  std::vector<std::string> inputs_;
  std::string count_;
};

std::unique_ptr<Runner> interpret_runner(Module module, const PipelineOptions& passes) {
  run_passes(module, passes);
  return std::make_unique<InterpretRunner>(std::move(module));
}

// --- machine code

template <typename T>
static void store_as(unsigned char* place, const std::vector<double>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    const T value = static_cast<T>(values[i]);
    std::memcpy(place + i * sizeof(T), &value, sizeof(T));
  }
}

template <typename T>
static std::vector<double> load_as(const unsigned char* place, size_t bytes) {
  std::vector<double> values(bytes / sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, place + i * sizeof(T), sizeof(T));
    values[i] = static_cast<double>(value);
  }
  return values;
}

class JitRunner : public Runner {
 public:
  explicit JitRunner(std::unique_ptr<JitProgram> code)
      : code_(std::move(code)), program_(*code_->program()), arena_(nullptr, &std::free) {
    const size_t bytes = (program_.arena_bytes + 63) / 64 * 64;
    arena_.reset(static_cast<unsigned char*>(std::aligned_alloc(64, bytes)));
    std::memset(arena_.get(), 0, bytes);
    for (const tarn_tensor& tensor : tensors()) {
      if (tensor.role == TARN_HYPER) set(tensor.name, {tensor.initial});
      if (tensor.role == TARN_SEED) set(tensor.name, {1});
      if (tensor.role == TARN_COUNT) set(tensor.name, {double(program_.batch)});
      if (tensor.role == TARN_TOTAL_STEPS) set(tensor.name, {1000});
    }
  }

  void set(std::string_view name, const std::vector<double>& values) override {
    const tarn_tensor& tensor = find(name);
    int64_t elements = 1;
    for (uint32_t axis = 0; axis < tensor.rank; ++axis) elements *= tensor.shape[axis];
    REQUIRE_MESSAGE(elements == static_cast<int64_t>(values.size()), name);
    unsigned char* place = arena_.get() + tensor.offset;
    switch (tensor.dtype) {
      case TARN_BOOL:
      case TARN_U8:
        return store_as<uint8_t>(place, values);
      case TARN_I32:
        return store_as<int32_t>(place, values);
      case TARN_I64:
        return store_as<int64_t>(place, values);
      case TARN_F32:
        return store_as<float>(place, values);
      case TARN_F64:
        return store_as<double>(place, values);
      default:
        FAIL("dtype of " << name);
    }
  }

  std::vector<double> get(std::string_view name) override {
    const tarn_tensor& tensor = find(name);
    const unsigned char* place = arena_.get() + tensor.offset;
    switch (tensor.dtype) {
      case TARN_BOOL:
      case TARN_U8:
        return load_as<uint8_t>(place, tensor.bytes);
      case TARN_I32:
        return load_as<int32_t>(place, tensor.bytes);
      case TARN_I64:
        return load_as<int64_t>(place, tensor.bytes);
      case TARN_F32:
        return load_as<float>(place, tensor.bytes);
      case TARN_F64:
        return load_as<double>(place, tensor.bytes);
      default:
        FAIL("dtype of " << name);
    }
    return {};
  }

  std::vector<std::string> inputs() override {
    std::vector<std::string> names;
    for (const tarn_tensor& tensor : tensors()) {
      if (tensor.role == TARN_INPUT) names.emplace_back(tensor.name);
    }
    return names;
  }

  void init() override { run(program_.init); }
  double train_step() override {
    run(program_.train_step);
    return get(of_role(TARN_LOSS)).at(0);
  }
  std::vector<double> predict() override {
    run(program_.predict);
    return get(of_role(TARN_OUTPUT));
  }

 private:
  std::vector<tarn_tensor> tensors() const { return {program_.tensors, program_.tensors + program_.tensor_count}; }

  const tarn_tensor& find(std::string_view name) const {
    const tarn_tensor* end = program_.tensors + program_.tensor_count;
    const tarn_tensor* found =
        std::find_if(program_.tensors, end, [&](const tarn_tensor& tensor) { return tensor.name == name; });
    REQUIRE_MESSAGE(found != end, "the model has no tensor " << name);
    return *found;
  }

  std::string of_role(uint32_t role) const {
    for (const tarn_tensor& tensor : tensors()) {
      if (tensor.role == role) return tensor.name;
    }
    FAIL("no tensor of role " << role);
    return "";
  }

  void run(const tarn_entry& entry) {
    tarn_team alone{0, 1, nullptr, nullptr, nullptr, {}};
    REQUIRE(bool(entry.run != nullptr));
    REQUIRE(entry.run(arena_.get(), &alone) == 0);
  }

  std::unique_ptr<JitProgram> code_;
  const tarn_program& program_;
  std::unique_ptr<unsigned char, decltype(&std::free)> arena_;
};

std::unique_ptr<Runner> program_runner(Module module, int opt_level, const Compile& compile) {
  PipelineOptions passes;
  passes.opt_level = opt_level;
  run_passes(module, passes);
  Result<Program> program = build_program(module);
  REQUIRE_MESSAGE(bool(program), program.error().message);
  Result<std::unique_ptr<JitProgram>> code = compile(*program);
  REQUIRE_MESSAGE(bool(code), code.error().message);
  return std::make_unique<JitRunner>(std::move(*code));
}

std::unique_ptr<Runner> jit_runner(Module module, std::string_view cpu, int opt_level) {
  TargetOptions options;
  options.cpu = cpu;
  options.opt_level = opt_level;
  return program_runner(std::move(module), opt_level, [&](const Program& program) { return jit(program, options); });
}

}  // namespace tarn::oracle
