# The host's own kernel, in fresh namespaces.
# shellcheck shell=bash

start_guest() {
  local session=(setsid --)
  [[ -z ${LAB_CONSOLE-} ]] || session=()
  LAB_RUN=$run exec "${session[@]}" unshare --net --mount --pid --ipc --uts --fork --kill-child \
    --propagation private -- "$parts/guest"
}
