// Builds the entry points and records of a module.
#pragma once

#include <optional>

#include "frontend/session.h"

namespace tarn {

// The module of the chosen `train` block, or of the chosen model where there is none; errors are in the session.
std::optional<Module> build_program(Session& session);

}  // namespace tarn
