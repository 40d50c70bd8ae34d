// docs/ops.md is what the op records say.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "ir/ops_doc.h"

namespace tarn {

TEST_CASE("docs/ops.md is fresh") {
  std::string path = std::string(TARN_SOURCE_DIR) + "/docs/ops.md";
  if (std::getenv("TARN_BLESS")) std::ofstream(path, std::ios::binary) << ops_document();
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  CHECK_MESSAGE(text == ops_document(), "docs/ops.md is stale; TARN_BLESS=1 ctest -R ir_test writes it anew");
}

}  // namespace tarn
