# `armnn.sh --full`, whose variables and functions this uses: CpuAcc on emulated arm64. Python is
# trixie's 3.13, for which there is no tflite-runtime. The delegate is cross-compiled, not built in
# emulation, where it takes many minutes.

step "delegate for arm64"
need_emulation
build_wheels --python 3.13 --machine aarch64
arm64=$(bash $here/root.sh trixie arm64 "${packages[@]}" libarmnn-cpuacc-backend33 | tail -1)
cross=$(bash $here/root.sh trixie amd64 "${packages[@]}" g++-aarch64-linux-gnu | tail -1)
libraries=usr/lib/aarch64-linux-gnu
mkdir -p "$cross/$libraries"
cp -a "$arm64/$libraries"/libarmnn.so* "$arm64/$libraries/libflatbuffers.a" "$cross/$libraries/"
build_delegate "$cross" aarch64-linux-gnu
cp "$cross/libarmnnDelegate.so" "$arm64/"

step "CpuAcc on emulated arm64"
rm -rf "$work/wheels-armnn" "$arm64/wheels" "$arm64/opt/main"
quietly "$host/bin/python" -m pip download --only-binary=:all: --dest "$work/wheels-armnn" \
  --python-version 3.13 --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
  --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 \
  -c tests/requirements/main.txt "$(wheel cp313 aarch64)[litert]"
cp -r "$work/wheels-armnn" "$arm64/wheels"
cp $here/check_armnn.py "$half" "$arm64/"
quietly $here/arm64-run "$arm64" python3 -m venv /opt/main
quietly $here/arm64-run "$arm64" /opt/main/bin/python -m pip install --no-index --no-compile \
  --find-links /wheels 'edgeloop[litert]'
installed=/opt/main/lib/python3.13/site-packages/edgeloop/demo/assets
$here/arm64-run "$arm64" /opt/main/bin/python /check_armnn.py /libarmnnDelegate.so CpuAcc litert \
  /half_weights.tflite $installed/digits_float32.tflite $installed/digits_int8.tflite \
  2>"$work/armnn/cpuacc.log" || { tail -40 "$work/armnn/cpuacc.log" >&2; exit 1; }
grep -ai armnn "$work/armnn/cpuacc.log" | sort -u
