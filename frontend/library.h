// The library written in the language itself: frontend/std/*.tarn, embedded in the compiler.
#pragma once

#include <span>
#include <string_view>

namespace tarn {

struct LibraryFile {
  std::string_view name;  // "std/layers.tarn"
  std::string_view text;
};

std::span<const LibraryFile> library_files();

}  // namespace tarn
