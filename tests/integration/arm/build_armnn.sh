#!/usr/bin/env bash
# build_armnn.sh TRIPLET: builds Arm NN's TFLite delegate inside a trixie root, from /armnn and
# /tensorflow to /libarmnnDelegate.so. Debian packages the library but not the delegate. It is linked
# to that libarmnn and to no TensorFlow Lite: of this the delegate needs three small files.
set -euo pipefail
compiler=$1-g++
cd /armnn
flags=(
  -O1 -fPIC -std=c++17 -w -Idelegate/classic/include -Idelegate/classic/src
  -Idelegate/common/include -Idelegate/common/src -Iprofiling -Ithird-party -I/tensorflow
)
lite=/tensorflow/tensorflow/lite
mkdir -p objects
printf '%s\n' delegate/classic/src/{armnn_delegate,armnn_external_delegate,SharedFunctions}.cpp \
  delegate/common/src/DelegateOptions.cpp "$lite"/core/c/common.cc "$lite"/minimal_logging.cc \
  "$lite"/minimal_logging_default.cc |
  xargs -P2 -I{} sh -c "$compiler ${flags[*]} -c {} -o objects/\$(basename {}).o"
echo '{ global: tflite_plugin_*; TfLiteArmnnDelegate*; local: *; };' >exported.lds
"$compiler" -shared -o /libarmnnDelegate.so objects/*.o -Wl,--version-script=exported.lds \
  -Wl,--no-undefined -Wl,--as-needed -l:libflatbuffers.a -larmnn -lpthread -ldl
