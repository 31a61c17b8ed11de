#!/usr/bin/env bash
# What the neural part needs from the system: a C++ runtime of GCC 13 or newer (GLIBCXX_3.4.32).
#   eng/native-prerequisites.sh          mends it where it can (Debian 12, as root), otherwise says what to do; exit code 2 if it is missing
#   eng/native-prerequisites.sh --check  only looks
set -euo pipefail
wanted=GLIBCXX_3.4.32

[ "$(uname -s)" = Linux ] || exit 0 # elsewhere the runtime comes with the system

library() { PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2> /dev/null | sed -nE 's/.*libstdc\+\+\.so\.6 .*=> (.*)/\1/p' | head -n 1; }
present() {
    local file
    file=$(library)
    [ -n "$file" ] && grep -aq "$wanted" "$file"
}

present && exit 0
missing="the C++ runtime (libstdc++6) is older than GCC 13, and TorchSharp needs $wanted"
if [ "${1:-}" = --check ]; then
    echo "merganser: $missing" >&2
    exit 2
fi
release=$(. /etc/os-release 2> /dev/null && echo "${ID:-} ${VERSION_ID:-}")
if [ "$release" != "debian 12" ] || [ "$(id -u)" != 0 ]; then
    echo "merganser: $missing; install libstdc++6 of version 13 or newer (on Debian 12: as root, run eng/native-prerequisites.sh once)" >&2
    exit 2
fi

# Debian 12: the package of Debian 13, with a pin so low that nothing else comes from there.
echo "merganser: $missing; installing it from Debian 13 …" >&2
mirror=$(sed -nE 's/^(URIs: *|deb +)(https?:\/\/[^ ]+).*/\2/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2> /dev/null | head -n 1 || true)
printf 'deb %s trixie main\n' "${mirror:-http://deb.debian.org/debian}" > /etc/apt/sources.list.d/merganser-trixie.list
printf 'Package: *\nPin: release n=trixie\nPin-Priority: 100\n' > /etc/apt/preferences.d/merganser-trixie
log=$(mktemp)
if ! { apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -t trixie install libstdc++6; } > "$log" 2>&1; then
    tail -n 3 "$log" >&2
    echo "merganser: libstdc++6 could not be installed; the neural verbs will not work, all others do" >&2
    rm -f "$log"
    exit 2
fi
rm -f "$log"
present || { echo "merganser: libstdc++6 was installed, but $wanted is still missing" >&2; exit 2; }
