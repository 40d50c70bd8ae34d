// docs/cookbook.md -> programs that can be trained.
#pragma once

#include <string>
#include <vector>

namespace tarn {

struct Snippet {
  int line;             // where it begins in the page
  std::string program;  // with data, and a loss, where it shows a model only
};

std::vector<Snippet> snippets_of(const std::string& page);

}  // namespace tarn
