// A code block without a `train` is completed: its last model is called on inputs that learnt parameters are added to,
// so that there is something to train and derivatives in the inputs are checked too.
#include "tests/cookbook/snippets.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

namespace tarn {

struct ModelInput {
  std::string name, kind, sizes;  // "x", "f32" or "class[3]", "6, 4"
  bool is_float() const { return kind == "f32" || kind == "f64"; }
};

static std::vector<ModelInput> inputs_of(const std::string& arguments) {
  static const std::regex form(R"((\w+): (f32|f64|i32|class\[\d+\])\[B(?:, ([^\]]*))?\])");
  std::vector<ModelInput> inputs;
  for (auto at = std::sregex_iterator(arguments.begin(), arguments.end(), form); at != std::sregex_iterator(); ++at)
    inputs.push_back({(*at)[1], (*at)[2], (*at)[3]});
  return inputs;
}

static std::string completed(const std::string& code) {
  static const std::regex heading(R"(\bmodel (\w+)\(([^)]*)\))");
  std::smatch model;
  for (auto at = std::sregex_iterator(code.begin(), code.end(), heading); at != std::sregex_iterator(); ++at)
    model = *at;
  std::string fields, params, moved, names;
  for (const ModelInput& input : inputs_of(model[2])) {
    std::string type = input.kind + (input.sizes.empty() ? "" : "[" + input.sizes + "]");
    fields += fmt::format("  {0}: {1} = \"{0}.npy\"\n", input.name, type);
    if (input.is_float()) params += fmt::format("  param {}_shift: {} = uniform(-0.1, 0.1)\n", input.name, type);
    moved += (moved.empty() ? "" : ", ") + input.name + (input.is_float() ? " + " + input.name + "_shift" : "");
    names += (names.empty() ? "" : ", ") + input.name;
  }
  return fmt::format(
      "{}\ndata made = npy() {{\n{}}}\nmodel completed({}) {{\n{}  return {}({})\n}}\n"
      "train completed on made {{\n  loss = mean(cos(2 * completed({})))\n  optimizer = adam(1e-3)\n  batch = 4\n}}\n",
      code, fields, model[2].str(), params, model[1].str(), moved, names);
}

std::vector<Snippet> snippets_of(const std::string& page) {
  static const std::regex block("```\n([^`]*)```"), train(R"((^|\n)train )");
  std::vector<Snippet> snippets;
  for (auto at = std::sregex_iterator(page.begin(), page.end(), block); at != std::sregex_iterator(); ++at) {
    std::string code = (*at)[1];
    auto begin = page.begin() + at->position();
    snippets.push_back({static_cast<int>(std::count(page.begin(), begin, '\n')) + 2,
                        std::regex_search(code, train) ? code : completed(code)});
  }
  return snippets;
}

}  // namespace tarn
