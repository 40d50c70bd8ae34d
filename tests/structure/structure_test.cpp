// Who may include whom, and that nobody but an op's own file, the front end and simplify names an op.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "ir/op_def.h"
#include "tests/structure/source_files.h"

namespace tarn {
namespace {

struct Room {
  std::string path;                  // a directory; the longest that fits is a file's
  std::vector<std::string> may_use;  // directories and files, beside its own
  bool has_llvm = false;
};

// The one table of who may include whom (docs/architecture.md tells it in words).
const std::vector<Room>& rooms() {
  static const std::vector<Room> kRooms = {
      {"ir", {}},
      {"frontend", {"ir"}},
      {"passes", {"ir"}},
      {"passes/memory", {"ir", "passes/pass.h", "passes/target_wishes.h"}},
      {"codegen/kernel", {"ir"}},
      {"codegen/program", {"ir", "passes/memory", "codegen/kernel", "codegen/header"}},
      {"codegen/header", {"runtime/tarn_abi.h"}},
      {"codegen/target",
       {"ir", "passes/target_wishes.h", "codegen/kernel", "codegen/program", "codegen/header", "runtime/tarn_abi.h"}},
      {"codegen/target/cpu/emit",
       {"ir", "codegen/kernel", "codegen/program", "codegen/target/target.h", "codegen/target/cpu",
        "runtime/tarn_abi.h"},
       true},
      {"codegen", {"ir"}},
      {"runtime", {}},
      {"driver", {"ir", "frontend", "passes", "codegen", "runtime/tarn_abi.h"}},
  };
  return kRooms;
}

bool lies_in(std::string_view path, std::string_view place) {
  return path == place || (path.starts_with(place) && path.size() > place.size() && path[place.size()] == '/');
}

const Room* room_of(std::string_view path) {
  const Room* found = nullptr;
  for (const Room& room : rooms()) {
    if (lies_in(path, room.path) && (!found || room.path.size() > found->path.size())) found = &room;
  }
  return found;
}

bool may_include(const Room& room, const std::string& path) {
  // Beside the file, or made by the build: of its own room.
  bool is_near = path.find('/') == std::string::npos || path.starts_with("..") || path.starts_with("data/");
  return is_near || room_of(path) == &room || lies_in(path, room.path) ||
         std::any_of(room.may_use.begin(), room.may_use.end(), [&](const std::string& p) { return lies_in(path, p); });
}

const std::vector<CodeFile>& sources() {
  static const std::vector<CodeFile> kSources =
      code_files({"ir", "frontend", "passes", "codegen", "runtime", "driver"});
  return kSources;
}

const std::set<std::string>& op_names() {
  static const std::set<std::string> kNames = [] {
    std::set<std::string> names;
    for (const OpDef* op : all_ops()) names.emplace(op->name);
    return names;
  }();
  return kNames;
}

// The op names in the code of a file: as a string, or as the record itself.
std::vector<std::string> ops_named_in(const CodeFile& file) {
  std::vector<std::string> found;
  for (const std::string& literal : string_literals(file.code)) {
    if (op_names().contains(literal)) found.push_back('"' + literal + '"');
  }
  for (const std::string& word : identifiers(file.code)) {
    if (word.starts_with("op_") && op_names().contains(word.substr(3))) found.push_back(word);
  }
  return found;
}

bool is_simplify(const std::string& path) {
  return path.starts_with("passes/simplify");
}

}  // namespace

TEST_CASE("each file includes only what its room may") {
  REQUIRE(sources().size() > 200);
  for (const CodeFile& file : sources()) {
    const Room* room = room_of(file.path);
    REQUIRE_MESSAGE(room, file.path, " is in no room");
    for (const Include& include : includes_of(file)) {
      CAPTURE(file.path);
      CAPTURE(include.path);
      if (include.is_system) {
        CHECK((room->has_llvm || !include.path.starts_with("llvm")));
      } else {
        CHECK(may_include(*room, include.path));
      }
    }
  }
}

TEST_CASE("no pass but simplify, no lowering and no program names an op") {
  for (const CodeFile& file : sources()) {
    bool is_looked_at = (lies_in(file.path, "passes") && !is_simplify(file.path)) ||
                        lies_in(file.path, "codegen/kernel") || lies_in(file.path, "codegen/program");
    if (!is_looked_at) continue;
    for (const std::string& op : ops_named_in(file)) FAIL_CHECK(file.path << " names op " << op);
  }
}

// Names of C functions and instructions look like those of ops there, so it is the records that must not be seen.
TEST_CASE("no target sees ops") {
  for (const CodeFile& file : sources()) {
    if (!lies_in(file.path, "codegen/target")) continue;
    for (const Include& include : includes_of(file)) {
      bool has_ops = include.path == "ir/op_def.h" || include.path == "ir/op_file.h" || include.path == "ir/builder.h";
      CHECK_MESSAGE(!has_ops, file.path, " includes ", include.path);
    }
  }
}

TEST_CASE("the tests see what they look for") {
  const char* code = "b.op(\"tanh\", {x});  if (op.def == &op_exp) /* \"add\" */ f('\"', \"no op\");  // \"sub\"";
  CHECK(ops_named_in({"passes/x.cpp", without_comments(code)}) == std::vector<std::string>{"\"tanh\"", "op_exp"});
  CHECK(!may_include(*room_of("passes/x.cpp"), "codegen/kernel/kernel.h"));
  CHECK(!may_include(*room_of("runtime/x.cpp"), "ir/type.h"));
  CHECK(!may_include(*room_of("codegen/target/cpu/schedule/x.cpp"), "passes/fuse.h"));
  CHECK(!room_of("codegen/kernel/x.cpp")->has_llvm);
  CHECK(may_include(*room_of("driver/x.cpp"), "frontend/compile.h"));
}

}  // namespace tarn
