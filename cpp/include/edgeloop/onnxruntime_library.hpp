#pragma once

#include <memory>
#include <string>

#include "edgeloop/dylib.hpp"
#include "edgeloop/engine.hpp"
#include "edgeloop/error.hpp"
#include "onnxruntime_c.h"

namespace edgeloop {

struct OrtApi {
#define EDGELOOP_MEMBER(index, result, name, parameters) result(*name) parameters;
  EDGELOOP_ORT_ENTRIES(EDGELOOP_MEMBER)
#undef EDGELOOP_MEMBER
};

template <class T>
using OrtHandle = std::unique_ptr<T, void (*)(T*)>;

// Throws Error{not_available} where the library is another one or too old.
OrtApi load_ort_api(const Dylib& library);

std::string ort_version(const Dylib& library);

// The runtime's own words; the status is released.
std::string ort_words(const OrtApi& api, OrtStatus* status);

// Throws Error{kind} with the runtime's words, unless the status is null.
void check_ort(const OrtApi& api, OrtStatus* status, ErrorKind kind, const std::string& failed);

// Adds an execution provider ("XnnpackExecutionProvider") to a session that is to be made. Throws
// Error{not_available} with those that the library lists where it lacks this one.
void append_ort_provider(const OrtApi& api, const Dylib& library, OrtSessionOptions* session,
                         const DelegateOptions& provider);

// Adds the provider of a library of its own for its first device, or for the one that the option ""
// names by kind ("npu") or number. Returns what the provider calls itself. Throws
// Error{not_available} where the library cannot be registered or has no such device.
std::string append_ort_plugin(const OrtApi& api, const Dylib& library, OrtEnv* env,
                              OrtSessionOptions* session, const DelegateOptions& provider);

// Has the session fail where a node is left to the CPU, or not.
void forbid_ort_cpu_fallback(const OrtApi& api, OrtSessionOptions* session, bool forbidden);

// Has the session note which provider gets which node, where the library can.
void record_ort_placement(const OrtApi& api, OrtSessionOptions* session, const Dylib& library);

// Which provider got which node of the graph, after the basic optimisations; not known where the
// library is older than 1.24.
Placement ort_placement(const OrtApi& api, const Dylib& library, const OrtSession* session);

}  // namespace edgeloop
