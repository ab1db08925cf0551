#pragma once

#include <cstddef>
#include <vector>

#include "edgeloop/dylib.hpp"
#include "edgeloop/engine.hpp"
#include "litert_c.h"

namespace edgeloop {

// The profiler of a compiled model that was made with LiteRT's option for it. It counts whole
// microseconds, and keeps the last events of those that do not fit.
class LiteRtProfiler {
 public:
  // Of the runtime's own buffer, as ai-edge-litert 2.1.6 to 2.3.0 make it.
  static constexpr std::size_t kCapacity = 2048;

  // Throws Error{not_available} where the library has no profiler, Error{runtime} where the model
  // was made without one.
  LiteRtProfiler(const Dylib& library, LiteRtCompiledModelT* compiled);

  // The events since the last call. Throws Error{runtime} where some may have been lost.
  std::vector<OperatorEvent> take_events();
  void drop_events();

 private:
  struct Api {
#define EDGELOOP_MEMBER(name, result, parameters) result(*name) parameters;
    EDGELOOP_LITERT_PROFILER_SYMBOLS(EDGELOOP_MEMBER)
#undef EDGELOOP_MEMBER
  };

  Api api_{};
  LiteRtProfilerT* profiler_ = nullptr;  // the compiled model's
};

}  // namespace edgeloop
