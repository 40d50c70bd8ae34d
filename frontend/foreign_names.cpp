// The names that other libraries have for what the language has, as one table.
#include "frontend/foreign_names.h"

#include <fmt/format.h>

#include <cctype>
#include <string_view>

namespace tarn {

struct ForeignName {
  std::string_view name;  // in lower case without underscores
  const char* help;
};

static constexpr ForeignName kForeignNames[] = {
    {"linear", "`dense[64]`"},
    {"conv2d", "`conv[16, k = 3]`"},
    {"convtranspose2d", "`conv_transpose[16, k = 2, stride = 2]`"},
    {"maxpool2d", "`max_pool[2]`"},
    {"avgpool2d", "`avg_pool[2]`"},
    {"adaptiveavgpool2d", "`global_avg_pool` for one position"},
    {"batchnorm1d", "`batch_norm`"},
    {"batchnorm2d", "`batch_norm`"},
    {"multiheadattention", "`attention[4]`, or `cross_attention[4](context)`"},
    {"sequential", "`x |> dense[64] |> relu |> dense[10]`"},
    {"bidirectional", "`concat(x |> lstm[H], x |> lstm[H, reverse = true])`"},
    {"matmul", "`a @ b`"},
    {"bmm", "`a @ b`"},
    {"mm", "`a @ b`"},
    {"dot", "`sum(a * b)`"},
    {"cat", "`concat(a, b, axis = 1)`"},
    {"concatenate", "`concat(a, b, axis = 1)`"},
    {"view", "`reshape[B, 4, 7](x)`"},
    {"permute", "`transpose(x, order = [0, 2, 1])`"},
    {"unsqueeze", "`reshape[B, 1, D](x)`"},
    {"squeeze", "`reshape[B, D](x)`, or an index such as `x[.., 0]`"},
    {"expand", "`broadcast[B, 1, D](x)`"},
    {"broadcastto", "`broadcast[B, 1, D](x)`"},
    {"repeat", "`broadcast[B, 1, D](x)`"},
    {"full", "`broadcast[B, 4](2)`"},
    {"zeroslike", "`broadcast[B, 4](0)`, or 0, which adapts to the tensor it meets"},
    {"oneslike", "`broadcast[B, 4](1)`, or 1, which adapts to the tensor it meets"},
    {"randn", "`normal[B, 4](0, 1)`"},
    {"rand", "`uniform[B, 4](0, 1)`"},
    {"randnlike", "`normal[B, 4](0, 1)`"},
    {"detach", "`stop_gradient(x)`"},
    {"nllloss", "`cross_entropy(logits, y)`, of logits before any softmax"},
    {"crossentropyloss", "`cross_entropy(logits, y)`"},
    {"mseloss", "`mse(a, b)`"},
    {"l1loss", "`mean_absolute_error(a, b)`"},
    {"bcewithlogitsloss", "`binary_cross_entropy(logits, y)`"},
    {"bceloss", "`binary_cross_entropy(logits, y)`, of logits before any sigmoid"},
    {"smoothl1loss", "`huber(a, b)`"},
    {"swish", "`silu`"},
    {"log1pexp", "`softplus`"},
    {"tril", "`s |> mask(causal)`, which hides later places from softmax"},
    {"maskedfill", "`select(condition, a, b)`, or `s |> mask(causal)`"},
    {"indexadd", "`scatter_add(ids, updates, size)`"},
    {"takealongaxis", "`gather(x, ids, axis = 1, shared = 1)`"},
    {"print", "`metric name = value` in the train block, which reports a number"},
};

static std::string plain_name(const std::string& name) {
  std::string plain;
  for (char c : name) {
    if (c != '_') plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return plain;
}

std::string foreign_name_help(const std::string& name) {
  std::string plain = plain_name(name);
  for (const ForeignName& known : kForeignNames) {
    if (known.name == plain) return known.help;
  }
  return "";
}

std::string no_such_name(const std::string& name, const std::vector<std::string>& candidates) {
  std::string foreign = foreign_name_help(name);
  if (!foreign.empty()) return fmt::format("there is no `{}` here: write {}", name, foreign);
  std::string nearest, plain = plain_name(name);
  for (const std::string& candidate : candidates) {
    if (candidate != name && plain_name(candidate) == plain) nearest = candidate;
  }
  if (nearest.empty()) nearest = nearest_name(name, candidates);
  return fmt::format("there is no `{}` here{}", name,
                     nearest.empty() ? "" : fmt::format("; did you mean `{}`?", nearest));
}

}  // namespace tarn
