# The TensorRT engine for the headers in EDGELOOP_TENSORRT_INCLUDE, named after their version as
# python/edgeloop/runtimes/tensorrt_engine.py seeks it.
file(STRINGS ${EDGELOOP_TENSORRT_INCLUDE}/NvInferVersion.h lines REGEX
     "define (NV_TENSORRT|TRT)_(MAJOR|MINOR|PATCH)(_ENTERPRISE)? +[0-9]")
set(version "")
foreach(part MAJOR MINOR PATCH)
  string(REGEX MATCH "_${part}(_ENTERPRISE)? +([0-9]+)" found "${lines}")
  list(APPEND version ${CMAKE_MATCH_2})
endforeach()
list(JOIN version "." version)

file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cpp/plugins/tensorrt/*.cpp)
add_library(edgeloop_tensorrt MODULE ${sources})
set_target_properties(edgeloop_tensorrt PROPERTIES
  CXX_STANDARD 14 PREFIX "" OUTPUT_NAME tensorrt-${version})
target_include_directories(edgeloop_tensorrt PRIVATE cpp/include)
target_include_directories(edgeloop_tensorrt SYSTEM PRIVATE
  third_party/cuda ${EDGELOOP_TENSORRT_INCLUDE})
target_link_libraries(edgeloop_tensorrt PRIVATE ${CMAKE_DL_LIBS})
edgeloop_warnings(edgeloop_tensorrt)
install(TARGETS edgeloop_tensorrt DESTINATION edgeloop/plugins)
