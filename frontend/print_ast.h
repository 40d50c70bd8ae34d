// Syntax tree -> source text in one canonical layout (tarn build --emit=ast).  Parsing the text gives the same tree.
#pragma once

#include <string>

#include "frontend/ast.h"

namespace tarn {

std::string print_ast(const ast::File& file);
std::string print_expr(const ast::Expr& expr);
std::string print_type(const ast::TypeExpr& type);

}  // namespace tarn
