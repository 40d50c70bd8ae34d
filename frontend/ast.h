// The syntax tree of one file, as the parser makes it: nothing is resolved, every node knows its place.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ir/base/source.h"

namespace tarn::ast {

struct Expr;
struct Block;
struct ScanHead;
using ExprPtr = std::unique_ptr<Expr>;
using BlockPtr = std::unique_ptr<Block>;

struct Name {
  std::string text;
  Span span;
};

// An argument of `f(..)` or `f[..]`: `3`, `k = 5`.
struct Arg {
  Name name;  // text is empty for positional arguments
  ExprPtr value;
};

enum class ExprKind : uint8_t {
  Error,     // something that did not parse; already reported
  Number,    // integer or real
  String,    // text
  Bool,      // integer is 0 or 1
  Name,      // text
  List,      // [parts]
  Tuple,     // (parts)
  Range,     // parts[0]..parts[1]
  Arrow,     // parts[0] -> parts[1], as in cosine(1e-3 -> 1e-5)
  Ellipsis,  // ..
  Unary,     // text parts[0]
  Binary,    // parts[0] text parts[1]
  Call,      // parts[0](args) as instance
  Bracket,   // parts[0][args] as instance: static arguments, or an index, depending on what parts[0] is
  If,        // if parts[0] body else otherwise
  Pipe,      // parts[0] |> parts[1] |> ...
  For,       // for text in parts[0] { parts[1] |> ... }; a stage of a pipe
  Then,      // parts[0] then parts[1] then ...: schedules in turn
  Scan,      // scan text in parts[0], carry args { body }: a loop over time
};

struct Expr {
  ExprKind kind = ExprKind::Error;
  Span span;
  std::string text;
  bool is_integer = false;  // of Number
  int64_t integer = 0;
  double real = 0;
  std::vector<ExprPtr> parts;
  std::vector<Arg> args;
  Name instance;  // `as fc1`, on Name, Bracket and Call
  BlockPtr body;
  BlockPtr otherwise;  // may be null
  std::unique_ptr<ScanHead> scan;
  uint32_t height = 1;  // of the tree, bounded by the parser so that walks may recurse
};

// `f32[.., In]`, `class[10][B]`, `f32`.
struct TypeExpr {
  Name element;     // f32, i32, bool, class
  ExprPtr classes;  // of `class[C]`
  bool has_dims = false;
  std::vector<ExprPtr> dims;
  Span span;
};

struct Param {
  Name name;
  std::optional<TypeExpr> type;
  ExprPtr default_value;  // may be null
};

// What the heading of a `scan` says beside its index, length and initial carries.
struct ScanHead {
  Name index;
  std::vector<std::optional<TypeExpr>> types;  // of each carry
  bool is_reverse = false;
  ExprPtr reverse_if;  // `reverse if backward`; may be null
  bool unrolls_all = false;
  ExprPtr unroll;  // `unroll 4`; may be null
};

enum class StmtKind : uint8_t {
  Error,
  Const,
  Param,
  State,
  Let,
  Update,
  Return,
  Use,
  Require,
  Expr,
  Next,
  Yield,
};

struct Stmt {
  StmtKind kind = StmtKind::Error;
  Span span;
  std::vector<Name> names;  // several in `let (a, b) = ..`
  bool is_tuple = false;
  std::optional<TypeExpr> type;  // of param and state
  ExprPtr value;
  ExprPtr condition;    // `= zeros if bias`
  std::string message;  // of require
};

struct Block {
  Span span;
  std::vector<Stmt> statements;
  bool is_expression = false;  // written `= expr`: one Return statement
};

// A line of a `train`, `optimizer` or `data` block.
enum class EntryForm : uint8_t {
  Assign,  // key = value { entries }
  Named,   // key name = value
  Let,     // let names = value
  Group,   // key "glob", "glob": settings; the globs are `words`
  Words,   // key words...
  Field,   // name: type = value
};

struct Entry {
  EntryForm form = EntryForm::Words;
  Span span;
  Name key;
  std::vector<Name> names;
  bool is_tuple = false;
  std::optional<TypeExpr> type;
  ExprPtr value;
  std::vector<Arg> settings;
  std::vector<ExprPtr> words;
  std::vector<Entry> entries;
  bool has_entries = false;
};

enum class DeclKind : uint8_t { Const, Hyper, Fn, Layer, Model, Optimizer, Schedule, Init, Data, Train };
const char* decl_word(DeclKind kind);  // "layer"

struct Decl {
  DeclKind kind = DeclKind::Const;
  Span span;
  Name name;
  std::vector<Param> statics;   // [..]
  std::vector<Param> supplied;  // optimizer and schedule: before the `;`
  std::vector<Param> params;    // (..)
  bool has_params = false;
  std::optional<TypeExpr> result;
  ExprPtr value;               // const, hyper; the call after `data d =`
  BlockPtr body;               // may be null after a syntax error
  Name on;                     // train: the data's name
  std::vector<Entry> entries;  // data, train
};

struct File {
  uint32_t file = UINT32_MAX;
  std::vector<std::unique_ptr<Decl>> decls;
};

}  // namespace tarn::ast
