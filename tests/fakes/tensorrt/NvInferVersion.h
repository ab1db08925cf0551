// The version that the stand-in plays; -D or the file that a test writes in its place decides.
#pragma once

#ifndef NV_TENSORRT_MAJOR
#define NV_TENSORRT_MAJOR 10
#define NV_TENSORRT_MINOR 3
#define NV_TENSORRT_PATCH 0
#endif
