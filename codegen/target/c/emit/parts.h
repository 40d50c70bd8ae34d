// C text that the compiler carries: the functions of text/, from which a program takes those that it uses, and the
// runtime's embedding API.
#pragma once

#include <string>
#include <string_view>

namespace tarn::c_source {

// The functions of text/ that `code` names, and those that they need, each before its uses.
// `is_freestanding`: from arithmetic alone, not from the C library.
std::string parts_for(std::string_view code, bool is_freestanding);

std::string abi_text();        // runtime/tarn_abi.h
std::string embedding_text();  // the sources of the embedding API, behind NAME.h and abi_text()

}  // namespace tarn::c_source
