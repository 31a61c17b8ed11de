#!/usr/bin/env bash
# Publishes the command line as one self-contained native binary: eng/publish-native.sh [OUTPUT-FOLDER]
# Needs a native linker: clang or gcc.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
output=${1:-$root/artifacts/native}
case "$(uname -s)-$(uname -m)" in
  # Ahead-of-time code cannot ask the processor for its vector width: x86-64-v3 (AVX2, FMA; since 2013) is assumed.
  Linux-x86_64) rid=linux-x64 set=x86-64-v3 ;;
  Linux-aarch64) rid=linux-arm64 set=native ;;
  Darwin-arm64) rid=osx-arm64 set=native ;;
  Darwin-x86_64) rid=osx-x64 set=x86-64-v3 ;;
  *) echo "publish-native: this system is not supported" >&2; exit 1 ;;
esac
if command -v clang >/dev/null; then linker=clang
elif command -v gcc >/dev/null; then linker=gcc
else echo "publish-native: no native linker; install clang or gcc" >&2; exit 1
fi

# An artifacts folder of its own leaves the ordinary build untouched; style was checked there.
dotnet publish "$root/src/Merganser.Cli" -c Release -r "$rid" -o "$output" --nologo \
  -p:PublishAot=true -p:IlcInstructionSet="$set" -p:CppCompilerAndLinker="$linker" \
  -p:RunAnalyzers=false -p:ArtifactsPath="$root/artifacts/native-build"
mv -f "$output/Merganser.Cli" "$output/merganser"
find "$output" -mindepth 1 ! -name merganser -delete
ls -l "$output/merganser"
