#!/usr/bin/env bash
# debian_test.sh PACKAGE.deb [SUITE]: installs the package into a clean Debian (bookworm unless named) and uses it there.
# Needs mmdebstrap and a mirror ($DEBIAN_MIRROR); root, or a user who may make namespaces.  Leaves nothing behind.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
package=$1
suite=${2:-bookworm}
exec mmdebstrap --variant=apt --format=null \
  --customize-hook="upload '$package' /tarn.deb" \
  --customize-hook="upload '$here/inside_debian.sh' /inside_debian.sh" \
  --customize-hook="copy-in '$here/project' /" \
  --customize-hook='chroot "$1" bash /inside_debian.sh' \
  "$suite" - "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
