# The other systems of `run.sh --full`, whose variables and functions it uses.

build_wheels --python 3.9 --python 3.13 --machine aarch64 --armv7l

step "trixie arm64, Python 3.13"
download "$work/wheels-trixie" aarch64 3.13 35 -c tests/requirements/main.txt \
  "$(wheel cp313 aarch64)[litert,onnx]"
root=$(bash $here/root.sh trixie | tail -1)
install "$root" main "$work/wheels-trixie" 'edgeloop[litert,onnx]'
run "$root" /opt/main/bin/python /null_engine.py
compare "$root" main trixie litert onnxruntime

step "bullseye arm64, Python 3.9"
# pip takes the markers of the Python it runs on: what 3.9 needs more is named.
download "$work/wheels-bullseye" aarch64 3.9 31 "$(wheel cp39 aarch64)" tflite-runtime==2.13.0 \
  'numpy<2' tomli
root=$(bash $here/root.sh bullseye | tail -1)
install "$root" main "$work/wheels-bullseye" edgeloop tflite-runtime
run "$root" /opt/main/bin/python /null_engine.py
compare "$root" main tflite-runtime tflite-runtime

# The package index has no 32-bit NumPy: it is Debian's, and the alternatives that show it its BLAS
# are not set up in a root whose packages are only unpacked.
step "bookworm armhf, Python 3.11"
download "$work/wheels-armhf" armv7l 3.11 34 --no-deps "$(wheel cp311 armv7l)" tflite-runtime==2.14.0
root=$(bash $here/root.sh bookworm armhf python3-numpy | tail -1)
libraries=$root/usr/lib/arm-linux-gnueabihf
ln -sf blas/libblas.so.3 lapack/liblapack.so.3 "$libraries/"
VENV_OPTIONS=--system-site-packages \
  install "$root" main "$work/wheels-armhf" --no-deps edgeloop tflite-runtime
run "$root" /opt/main/bin/python /null_engine.py
# Its 32-bit wheel does not apply XNNPACK by itself.
OWNER=builtin compare "$root" main tflite-runtime tflite-runtime
