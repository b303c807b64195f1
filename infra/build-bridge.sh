#!/usr/bin/env bash
# Builds infra/compat/TorchSharp/native/build/libtoolr0_torch.so, the bridge between the compat TorchSharp and libtorch.
# Does nothing when it is newer than its sources. LIBTORCH=/path/to/libtorch picks another libtorch than Debian's libtorch-dev
# (a folder with include/ and lib/, such as site-packages/torch of a Python installation). --force builds in any case.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
native="$here/compat/TorchSharp/native"
source_file="$native/bridge.cpp"
build="$native/build"
library="$build/libtoolr0_torch.so"
stamp="$build/libtorch.txt"
libtorch="${LIBTORCH:-}"

fail() { echo "build-bridge: $1" >&2; exit 1; }

if [[ "${1:-}" != "--force" && -f "$library" && "$library" -nt "$source_file" && "$library" -nt "${BASH_SOURCE[0]}" ]] \
  && [[ "$(cat "$stamp" 2>/dev/null || true)" == "${libtorch:-system}" ]]; then
  exit 0
fi

command -v g++ >/dev/null || fail "g++ is missing (apt-get install g++)"
flags=(-O2 -fPIC -shared -fvisibility=hidden -Wall -Wno-sign-compare -Wno-unknown-pragmas)
if [[ -n "$libtorch" ]]; then
  [[ -f "$libtorch/include/ATen/core/dispatch/Dispatcher.h" ]] || fail "LIBTORCH=$libtorch has no include/ATen"
  [[ -f "$libtorch/lib/libtorch_cpu.so" ]] || fail "LIBTORCH=$libtorch has no lib/libtorch_cpu.so"
  includes=(-isystem "$libtorch/include" -isystem "$libtorch/include/torch/csrc/api/include")
  libraries=(-L"$libtorch/lib" -Wl,-rpath,"$libtorch/lib" -ltorch -ltorch_cpu -lc10)
  # Nothing refers to the CUDA half by name: it registers its kernels when it is loaded.
  if [[ -f "$libtorch/lib/libtorch_cuda.so" ]]; then
    libraries+=(-Wl,--no-as-needed -ltorch_cuda -lc10_cuda -Wl,--as-needed)
  fi
  # The C++ library ABI is whatever that libtorch was built with.
  # grep reads to the end: nm would die of a closed pipe, and pipefail would take that for "not found".
  if nm -D --defined-only "$libtorch/lib/libc10.so" | grep __cxx11 >/dev/null; then abi=1; else abi=0; fi
  flags+=(-D_GLIBCXX_USE_CXX11_ABI=$abi)
  version_header="$libtorch/include/torch/csrc/api/include/torch/version.h"
else
  [[ -f /usr/include/ATen/core/dispatch/Dispatcher.h ]] || fail "libtorch-dev is missing (apt-get install libtorch-dev, or set LIBTORCH)"
  includes=(-isystem /usr/include/torch/csrc/api/include)
  libraries=(-ltorch -ltorch_cpu -lc10)
  version_header=/usr/include/torch/csrc/api/include/torch/version.h
fi
if grep -q '^#define TORCH_VERSION_MAJOR 1$' "$version_header"; then flags+=(-std=c++17); else flags+=(-std=c++20); fi

mkdir -p "$build"
# Into place in one step: a process that starts meanwhile sees the old library or the new one, never half of it.
g++ "${flags[@]}" "${includes[@]}" -o "$library.new" "$source_file" "${libraries[@]}" -ldl
mv -f "$library.new" "$library"
printf '%s\n' "${libtorch:-system}" >"$stamp"
echo "build-bridge: $library"
