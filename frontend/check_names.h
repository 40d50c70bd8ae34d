// Names in declarations that nothing uses yet: they are elaborated only when called, so mistakes in them would hide.
#pragma once

#include "frontend/session.h"

namespace tarn {

// Reports names in bodies of the user's layers, models, functions, optimizers, schedules and initialisers that nothing
// can give a meaning: no parameter, binding, declaration or builtin is called so.
void check_names(Session& session);

}  // namespace tarn
