# As the host's own kernel, without asking for IPVS.
# shellcheck shell=bash
# shellcheck source=kernel-host.sh
. "$parts/kernel-host.sh"
