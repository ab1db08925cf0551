#!/bin/sh
# Called as cc, c++, ar or ranlib, through links that .ci/wheels.sh makes: the zig of EDGELOOP_ZIG
# for the target EDGELOOP_ZIG_TARGET. CMake wants one program for each, without arguments.
tool=$(basename "$0")
case $tool in
  cc | c++) exec "$EDGELOOP_ZIG" "$tool" -target "$EDGELOOP_ZIG_TARGET" "$@" ;;
  *) exec "$EDGELOOP_ZIG" "$tool" "$@" ;;
esac
