#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "edgeloop/dylib.hpp"
#include "edgeloop/error.hpp"
#include "litert_c.h"

namespace edgeloop {

struct LiteRtApi {
#define EDGELOOP_MEMBER(name, result, parameters) result(*name) parameters;
  EDGELOOP_LITERT_SYMBOLS(EDGELOOP_MEMBER)
#undef EDGELOOP_MEMBER
};

template <class T>
using LiteRtHandle = std::unique_ptr<T, void (*)(T*)>;

// Throws Error{not_available} where the library is another one or older than 2.1.6.
LiteRtApi load_litert_api(const Dylib& library);

std::string litert_status_text(LiteRtStatus status);

// Throws Error{kind} that says what failed and the status, unless that is 0.
void check_litert(LiteRtStatus status, ErrorKind kind, const std::string& failed);

// Accelerators of an environment that stand for TFLite delegates of ours, in their order.
using LiteRtOffers = std::vector<std::pair<const LiteRtAcceleratorT*, TfLiteDelegate*>>;

// Makes the environment apply the delegates, in their order and after XNNPACK, whenever
// compile_with() compiles a model.
LiteRtOffers register_litert_delegates(const LiteRtApi& api, LiteRtEnvironmentT* environment,
                                       const std::vector<TfLiteDelegate*>& delegates);

// Compiles a model and applies the delegates, which have to outlive what is compiled.
LiteRtStatus compile_with(const LiteRtApi& api, const LiteRtOffers& offers,
                          LiteRtEnvironmentT* environment, LiteRtModelT* model,
                          LiteRtOptionsT* options, LiteRtCompiledModelT** compiled);

}  // namespace edgeloop
