#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aotinductor_c.h"
#include "edgeloop/dylib.hpp"
#include "edgeloop/engine.hpp"

namespace edgeloop {

struct AotiTorchApi {
#define EDGELOOP_MEMBER(name, result, parameters) result(*name) parameters;
  EDGELOOP_AOTI_TORCH_SYMBOLS(EDGELOOP_MEMBER)
#undef EDGELOOP_MEMBER
};

struct AotiModelApi {
#define EDGELOOP_MEMBER(name, result, parameters) result(*name) parameters;
  EDGELOOP_AOTI_MODEL_SYMBOLS(EDGELOOP_MEMBER)
#undef EDGELOOP_MEMBER
  AOTInductorGetLastErrorFunction last_error;  // nullptr before PyTorch 2.13
};

using AotiTensor = std::unique_ptr<AtenTensorOpaque, AotiStatus (*)(AtenTensorOpaque*)>;

// Throws Error{not_available} where the library is not libtorch_cpu.so, or is too old.
AotiTorchApi load_aoti_torch_api(const Dylib& torch);

// Opens the library of a package, which binds against libtorch_cpu.so: that one is open already.
// Throws Error{model} with the loader's reason where it does not fit it or is not such a library.
// `package` is the package's name in messages.
Dylib open_aoti_model(const std::string& path, const std::string& package);
AotiModelApi load_aoti_model_api(const Dylib& library, const std::string& package);

// Fixes the threads of PyTorch's pool, and of OpenMP for the calling thread. The process has one
// pool: the last one who sets it decides for all models.
void set_aoti_threads(const Dylib& torch, int threads);

// PyTorch's number of a dtype; and the dtype by its number, -1 for one that edgeloop lacks.
std::int32_t aoti_dtype(const AotiTorchApi& api, DType dtype);
int dtype_of_aoti(const AotiTorchApi& api, std::int32_t number);

// The strides of a dense tensor: what the code in a package was compiled for.
std::vector<std::int64_t> dense_strides(const std::vector<std::int64_t>& shape);

// Copies a tensor whose elements lie apart to dense memory.
void copy_dense(const void* from, const std::vector<std::int64_t>& shape,
                const std::vector<std::int64_t>& strides, std::size_t element_bytes, void* to);

}  // namespace edgeloop
