// From an affine view back to ops.
#include <algorithm>

#include "ir/base/check.h"
#include "ir/op_def.h"
#include "passes/affine_view.h"

namespace tarn {

namespace {

using Variables = std::vector<size_t>;

// What becomes of one dimension of the source.
struct DimensionPlan {
  bool is_padded = false;
  IndexRange box;  // that is cut out before padding
  int64_t low = 0, high = 0, interior = 0;
  int64_t size = 0;   // after padding
  AffineIndex index;  // into the padded dimension
  Variables homes;    // the variables that the dimension becomes; several where it is split
  Variables taps;     // the other ones that the index depends on
  bool is_window() const { return !taps.empty(); }
};

Variables variables_in(const AffineIndex& index) {
  Variables found;
  for (size_t v = 0; v < index.coefficients.size(); ++v) {
    if (index.coefficients[v] != 0) found.push_back(v);
  }
  return found;
}

// The variables in an order in which they number consecutive elements, as the digits of a number do; empty if none.
Variables digits_of(const AffineIndex& index, const Shape& extents) {
  Variables order = variables_in(index);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(index.coefficients[a], b) > std::pair(index.coefficients[b], a);
  });
  int64_t place = 1;
  for (size_t i = order.size(); i-- > 0;) {
    if (index.coefficients[order[i]] != place) return {};
    place *= extents[order[i]];
  }
  return order;
}

class ViewPlan {
 public:
  ViewPlan(const AffineView& view, const Shape& extents) : extents_(extents), is_home_(extents.size(), false) {
    for (size_t e = 0; e < view.index.size(); ++e) {
      dimensions.push_back(surround(view.index[e], view.range[e]));
    }
    // Dimensions with one variable have no choice, so they choose first.
    for (size_t wanted : {1, 2}) {
      for (DimensionPlan& dimension : dimensions) {
        size_t count = variables_in(dimension.index).size();
        if (wanted == 1 ? count == 1 : count > 1) is_sound = is_sound && choose_homes(dimension);
      }
    }
    is_sound = is_sound && taps_do_not_slide();
  }

  std::vector<DimensionPlan> dimensions;
  bool is_sound = true;

 private:
  // The zeros that the index needs around and between the elements.
  DimensionPlan surround(const AffineIndex& index, const IndexRange& range) const {
    DimensionPlan plan;
    plan.index = index;
    IndexRange all = reach(index, extents_);
    plan.is_padded = index.divisor != 1 || all.begin < range.begin || all.end >= range.end;
    if (!plan.is_padded) return plan;
    plan.box = range;
    plan.interior = index.divisor - 1;
    int64_t origin = index.divisor * range.begin;
    int64_t length = range.end > range.begin ? index.divisor * (range.end - range.begin - 1) + 1 : 0;
    plan.low = std::max<int64_t>(0, origin - all.begin);
    plan.high = std::max<int64_t>(0, all.end - origin + 1 - length);
    plan.index.offset += plan.low - origin;
    plan.index.divisor = 1;
    return plan;
  }

  bool choose_homes(DimensionPlan& dimension) {
    auto is_free = [&](size_t v) { return !is_home_[v]; };
    Variables digits = digits_of(dimension.index, extents_);
    if (!digits.empty() && std::all_of(digits.begin(), digits.end(), is_free)) {
      for (size_t v : digits) is_home_[v] = true;
      dimension.homes = digits;
      return true;
    }
    // The longest slides; the others are its taps.
    std::optional<size_t> home;
    Variables all = variables_in(dimension.index);
    for (size_t v : all) {
      if (!is_free(v) || (dimension.index.coefficients[v] < 0 && extents_[v] > 1)) continue;
      if (!home || extents_[v] > extents_[*home]) home = v;
    }
    if (!home) return false;
    is_home_[*home] = true;
    dimension.homes = {*home};
    std::copy_if(all.begin(), all.end(), std::back_inserter(dimension.taps), [&](size_t v) { return v != *home; });
    return true;
  }

  // A window cannot number its elements by a dimension that is itself yet to become windows.
  bool taps_do_not_slide() const {
    for (const DimensionPlan& slider : dimensions) {
      for (const DimensionPlan& other : dimensions) {
        if (!slider.is_window() || !other.is_window()) continue;
        if (std::find(other.taps.begin(), other.taps.end(), slider.homes[0]) != other.taps.end()) return false;
      }
    }
    return true;
  }

  const Shape& extents_;
  std::vector<bool> is_home_;  // of each variable
};

class Realizer {
 public:
  Realizer(const AffineView& view, const Shape& extents, Builder& b) : extents_(extents), plan_(view, extents), b_(b) {
    TARN_CHECK(plan_.is_sound, "a view is built that no chain of ops is");
    value_ = view.source;
  }

  RealizedView run() {
    pad();
    cut();
    split();
    repeat();
    slide();
    return {value_, variables_};
  }

 private:
  const Shape& shape() const { return b_.type(value_).shape; }

  void slice(const Shape& start, const Shape& limit, const Shape& stride) {
    bool is_all = limit == shape() && std::all_of(start.begin(), start.end(), [](int64_t s) { return s == 0; }) &&
                  std::all_of(stride.begin(), stride.end(), [](int64_t s) { return s == 1; });
    if (!is_all) value_ = b_.slice(value_, start, limit, stride);
  }

  void pad() {
    Shape start, limit = shape(), low, high, interior;
    bool any = false;
    for (size_t e = 0; e < plan_.dimensions.size(); ++e) {
      const DimensionPlan& d = plan_.dimensions[e];
      start.push_back(d.is_padded ? d.box.begin : 0);
      if (d.is_padded) limit[e] = d.box.end;
      low.push_back(d.low);
      high.push_back(d.high);
      interior.push_back(limit[e] - start[e] > 1 ? d.interior : 0);
      any = any || low[e] > 0 || high[e] > 0 || interior[e] > 0;
    }
    slice(start, limit, Shape(start.size(), 1));
    if (!any) return;
    b_.set_next_name(b_.func().name_of(value_) + ".padded");
    value_ = b_.pad(value_, low, high, interior);
  }

  // Dimensions that no window slides along become exactly what is read of them.
  void cut() {
    Shape start(shape().size(), 0), limit = shape(), stride(shape().size(), 1);
    for (size_t e = 0; e < plan_.dimensions.size(); ++e) {
      const DimensionPlan& d = plan_.dimensions[e];
      if (d.is_window()) continue;
      IndexRange all = reach(d.index, extents_);
      start[e] = all.begin;
      limit[e] = all.end + 1;
      // A single variable of extent 1 may have any coefficient.
      if (d.homes.size() == 1 && extents_[d.homes[0]] > 1) stride[e] = d.index.coefficients[d.homes[0]];
    }
    slice(start, limit, stride);
  }

  void split() {
    Shape result;
    for (size_t e = 0; e < plan_.dimensions.size(); ++e) {
      const DimensionPlan& d = plan_.dimensions[e];
      if (d.is_window()) result.push_back(shape()[e]);
      for (size_t v : d.homes) {
        if (!d.is_window()) result.push_back(extents_[v]);
        variables_.push_back(v);
      }
    }
    value_ = b_.reshape(value_, result);
  }

  bool is_dimension(size_t variable) const {
    return std::find(variables_.begin(), variables_.end(), variable) != variables_.end();
  }

  // Taps that are no dimension yet become one each, at the end.
  void repeat() {
    Shape wide = shape();
    std::vector<int64_t> dims;
    for (size_t d = 0; d < wide.size(); ++d) dims.push_back(static_cast<int64_t>(d));
    for (const DimensionPlan& d : plan_.dimensions) {
      for (size_t tap : d.taps) {
        if (is_dimension(tap)) continue;
        variables_.push_back(tap);
        wide.push_back(extents_[tap]);
      }
    }
    if (wide.size() > dims.size()) value_ = b_.broadcast(value_, wide, dims);
  }

  int64_t place_of(size_t variable) const {
    return std::find(variables_.begin(), variables_.end(), variable) - variables_.begin();
  }

  // One window op for each tap; all but the last keep every position.
  void slide() {
    for (const DimensionPlan& d : plan_.dimensions) {
      int64_t rest = d.index.offset;
      for (size_t i = 0; i < d.taps.size(); ++i) {
        int64_t dilation = d.index.coefficients[d.taps[i]], axis = place_of(d.homes[0]);
        int64_t span = dilation * (extents_[d.taps[i]] - 1);
        int64_t offset = std::max<int64_t>(0, -span), stride = 1;
        int64_t size = shape()[static_cast<size_t>(axis)] - std::abs(span);
        if (i + 1 == d.taps.size()) {
          offset = rest;
          stride = extents_[d.homes[0]] > 1 ? d.index.coefficients[d.homes[0]] : 1;
          size = extents_[d.homes[0]];
        }
        rest -= offset;
        value_ = b_.window(value_, {axis, place_of(d.taps[i]), stride, dilation, offset, size});
      }
    }
  }

  const Shape& extents_;
  ViewPlan plan_;
  Builder& b_;
  ValueId value_;
  Variables variables_;  // of each dimension of value_
};

}  // namespace

bool is_realizable(const AffineView& view, const Shape& extents) {
  return ViewPlan(view, extents).is_sound;
}

RealizedView realize(const AffineView& view, const Shape& extents, Builder& builder) {
  return Realizer(view, extents, builder).run();
}

}  // namespace tarn
