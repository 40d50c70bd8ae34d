// Looks for the result, or adds one under a free name.
#include "passes/stacked_output.h"

#include <algorithm>
#include <string>

#include "ir/scan.h"

namespace tarn {

ValueId stacked_output(Func& outer, Op& scan, Func& body, ValueId value) {
  ScanParts parts(scan);
  for (size_t r = parts.carries; r < body.results.size(); ++r) {
    if (body.results[r].value == value) return scan.results[r];
  }
  std::string name = body.name_of(value);
  auto is_taken = [&](const FuncResult& result) { return result.name == name; };
  while (std::any_of(body.results.begin(), body.results.end(), is_taken)) name += ".saved";
  body.results.push_back({value, name});
  scan.results.push_back(outer.add_value(stacked_type(body.type(value), parts.length), name));
  return scan.results.back();
}

}  // namespace tarn
