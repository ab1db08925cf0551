#pragma once

#include <memory>
#include <string>

#include "edgeloop/dylib.hpp"
#include "edgeloop/error.hpp"
#include "edgeloop/tflite_probe.hpp"
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

// Makes the environment ask for the probe after XNNPACK, whenever it compiles a model.
void register_litert_probe(const LiteRtApi& api, LiteRtEnvironmentT* environment);

// Compiles a model and applies the probe, which has to outlive what is compiled.
LiteRtStatus compile_with_probe(const LiteRtApi& api, TfliteProbe& probe,
                                LiteRtEnvironmentT* environment, LiteRtModelT* model,
                                LiteRtOptionsT* options, LiteRtCompiledModelT** compiled);

}  // namespace edgeloop
