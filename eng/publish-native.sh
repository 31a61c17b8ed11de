#!/usr/bin/env bash
# Publishes the command line as one self-contained native binary, OUTPUT-FOLDER/merganser: eng/publish-native.sh [OUTPUT-FOLDER]
# Needs a native linker: clang or gcc. The exit code is 2 where this machine cannot build or run such a binary.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
output=${1:-$root/artifacts/native}
. "$root/eng/environment.sh"

cannot() { echo "publish-native: $1" >&2; exit 2; }
case "$(uname -s)-$(uname -m)" in
  # Ahead-of-time code cannot ask the processor for its vector width: x86-64-v3 (AVX2, FMA; since 2013) is assumed.
  Linux-x86_64) rid=linux-x64 set=x86-64-v3 features=$(grep -m 1 '^flags' /proc/cpuinfo || true) ;;
  Linux-aarch64) rid=linux-arm64 set=native ;;
  Darwin-arm64) rid=osx-arm64 set=native ;;
  Darwin-x86_64) rid=osx-x64 set=x86-64-v3 features=$(sysctl -n machdep.cpu.features machdep.cpu.leaf7_features | tr '[:upper:]\n' '[:lower:] ') ;;
  *) cannot "this system is not supported" ;;
esac
if [ "$set" = x86-64-v3 ]; then
  for feature in avx2 fma bmi2; do
    [[ " $features " == *" $feature "* ]] || cannot "this processor has no $feature"
  done
fi
if command -v clang >/dev/null; then linker=clang
elif command -v gcc >/dev/null; then linker=gcc
else cannot "no native linker; install clang or gcc"
fi

# An artifacts folder of its own leaves the ordinary build untouched; style was checked there.
build=$root/artifacts/native-build
dotnet publish "$root/src/Merganser.Cli" -c Release -r "$rid" -o "$build/publish" --nologo -v quiet \
  -p:PublishAot=true -p:IlcInstructionSet="$set" -p:OptimizationPreference=Speed -p:NativeDebugSymbols=false \
  -p:CppCompilerAndLinker="$linker" -p:RunAnalyzers=false -p:ArtifactsPath="$build"
mkdir -p "$output"
mv -f "$build/publish/Merganser.Cli" "$output/merganser"
