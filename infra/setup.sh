#!/usr/bin/env bash
# Makes this machine ready: installs what is missing from Debian, finds out where Marten and TorchSharp come from, builds the native bridge.
# Does nothing, quickly, when everything is there.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

usage() {
  cat <<'USAGE'
usage: infra/setup.sh [--stack]
  --stack   also RabbitMQ, which the stack of processes and the tests need
Environment:
  TOOLR0_PACKAGE_ORIGIN=registry|compat   decide instead of asking the package registry
  TOOLR0_TORCH_BACKEND=cpu|cuda           which TorchSharp package the registry is asked for (default cpu)
USAGE
}

fail() {
  echo "infra/setup.sh: $*" >&2
  exit 1
}
say() { echo "setup: $*" >&2; }

stack=0
while [ $# -gt 0 ]; do
  case "$1" in
    --stack) stack=1 ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) fail "unknown argument '$1' (use --stack)" ;;
  esac
  shift
done

# --- the .NET SDK, which Debian does not carry -------------------------------------------------------------------
command -v dotnet >/dev/null || fail ".NET SDK 10 is missing; install it from https://dotnet.microsoft.com/download and put 'dotnet' on the PATH"
sdk=$(dotnet --version 2>/dev/null || echo none)
case "$sdk" in
  [1-9][0-9].*) ;;
  *) fail ".NET SDK 10 or newer is needed, found '$sdk'" ;;
esac

# --- where Marten and TorchSharp come from ---------------------------------------------------------------------------
props="$here/package-origin.props"
version_of() { sed -n "s/.*PackageVersion Include=\"$1\" Version=\"\([^\"]*\)\".*/\1/p" "$here/../Directory.Packages.props"; }

# Succeeds when the registry can restore the package at its pinned version with everything it depends on.
registry_has() {
  local package=$1 folder
  folder=$(mktemp -d)
  cat >"$folder/probe.csproj" <<PROBE
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net10.0</TargetFramework><NuGetAudit>false</NuGetAudit></PropertyGroup>
  <ItemGroup><PackageReference Include="$package" Version="[$(version_of "$package")]" /></ItemGroup>
</Project>
PROBE
  local answer=0
  (cd "$folder" && timeout 900 dotnet restore probe.csproj >restore.log 2>&1) || answer=1
  rm -rf "$folder"
  return $answer
}

# TorchSharp's native library is built with GCC 13. On a system whose C++ library is older, such as Debian 12's, it does not load.
cxx_is_new_enough() {
  local library
  library=$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null | awk '$1 == "libstdc++.so.6" { print $NF; exit }')
  [ -n "$library" ] && grep -q 'GLIBCXX_3\.4\.32' "$library"
}

write_origin() {
  cat >"$props.$$" <<PROPS
<Project>
  <!-- Written by infra/setup.sh: $2. Remove this file and run it again to ask anew. -->
  <PropertyGroup>
    <PackageOrigin>$1</PackageOrigin>
    <TorchBackend>$backend</TorchBackend>
  </PropertyGroup>
</Project>
PROPS
  mv "$props.$$" "$props"
}

backend="${TOOLR0_TORCH_BACKEND:-cpu}"
case "$backend" in
  cpu) torch_package=TorchSharp-cpu ;;
  cuda) torch_package=TorchSharp-cuda-linux ;;
  *) fail "TOOLR0_TORCH_BACKEND is '$backend'; use cpu or cuda" ;;
esac
case "${TOOLR0_PACKAGE_ORIGIN:-}" in
  registry | compat)
    grep -q "<PackageOrigin>$TOOLR0_PACKAGE_ORIGIN<" "$props" 2>/dev/null || write_origin "$TOOLR0_PACKAGE_ORIGIN" "asked for by TOOLR0_PACKAGE_ORIGIN"
    ;;
  "")
    if [ ! -s "$props" ]; then
      say "asking the package registry for Marten and TorchSharp"
      if ! cxx_is_new_enough; then
        write_origin compat "this system's libstdc++ is older than GCC 13's, which TorchSharp's package needs"
      elif registry_has Marten && registry_has "$torch_package"; then
        write_origin registry "the registry has both packages"
      else
        write_origin compat "the registry lacks Marten $(version_of Marten) or $torch_package $(version_of "$torch_package"), or a package they need"
      fi
      say "packages: $(sed -n 's/.*<PackageOrigin>\(.*\)<.*/\1/p' "$props")"
    fi
    ;;
  *) fail "TOOLR0_PACKAGE_ORIGIN is '$TOOLR0_PACKAGE_ORIGIN'; use registry or compat" ;;
esac
origin=$(sed -n 's/.*<PackageOrigin>\(.*\)<.*/\1/p' "$props")

# --- Debian packages -----------------------------------------------------------------------------------------------
wanted=()
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || wanted+=(postgresql)
if [ "$origin" = compat ]; then
  [ -e /usr/include/torch/csrc/api/include/torch/torch.h ] || [ -n "${LIBTORCH:-}" ] || wanted+=(libtorch-dev)
  ls /usr/lib/*/openblas-pthread/libopenblas.so.0 >/dev/null 2>&1 || [ -n "${LIBTORCH:-}" ] || wanted+=(libopenblas0-pthread)
  command -v g++ >/dev/null || wanted+=(g++)
fi
if [ $stack = 1 ]; then
  [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || command -v rabbitmq-server >/dev/null || wanted+=(rabbitmq-server)
fi
if [ ${#wanted[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || fail "missing: ${wanted[*]} (Debian's names); there is no apt-get here, so install them by hand"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
      as_root=(sudo -n)
    else
      fail "not root; install these first: apt-get install --no-install-recommends ${wanted[*]}"
    fi
  fi
  log=$(mktemp)
  say "installing ${wanted[*]}"
  # RUNLEVEL=1: the packages' own services are not started; the servers used here are private ones.
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 sh -c \
    'apt-get update -q && apt-get install -q -y --no-install-recommends "$@"' -- "${wanted[@]}" >"$log" 2>&1 </dev/null; then
    fail "apt-get could not install ${wanted[*]}: $(grep -E '^E:' "$log" | tail -1) (log: $log)"
  fi
  rm -f "$log"
fi

# --- the bridge to the system's libtorch --------------------------------------------------------------------------------
if [ "$origin" = compat ]; then
  "$here/build-bridge.sh" >&2 || fail "the native bridge to libtorch did not build (infra/build-bridge.sh)"
fi
