# Cross-builds with zig for the machine that EDGELOOP_MACHINE names; see .ci/wheels.sh.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR $ENV{EDGELOOP_MACHINE})
set(CMAKE_C_COMPILER $ENV{EDGELOOP_CROSS_TOOLS}/cc)
set(CMAKE_CXX_COMPILER $ENV{EDGELOOP_CROSS_TOOLS}/c++)
set(CMAKE_AR $ENV{EDGELOOP_CROSS_TOOLS}/ar)
set(CMAKE_RANLIB $ENV{EDGELOOP_CROSS_TOOLS}/ranlib)
set(CMAKE_CXX_FLAGS_INIT "-fomit-frame-pointer") # zig keeps it at -O2, which slows each call
set(CMAKE_MODULE_LINKER_FLAGS_INIT "-Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/exports.ld")
