# User Mode Linux: Debian's package user-mode-linux, root file system on hostfs.
# shellcheck shell=bash

# The guest saves and restores the extended processor state of its processes with
# a buffer that is too short on processors with AMX; a preloaded wrapper of ptrace
# lengthens it (see xstate-ptrace.c). Elsewhere it changes nothing, so that a
# machine without a compiler is in trouble only where there is AMX.
xstate_wrapper() {
  local source=$parts/xstate-ptrace.c library part
  library=$(cache_directory)/xstate-ptrace-$(cksum <"$source" | cut -d' ' -f1).so
  if [[ ! -e $library ]]; then
    if ! have cc && grep -qw amx_tile /proc/cpuinfo; then
      need cc >&2 || exit 125
    fi
    have cc || return 0
    part=$library.$$.${run##*.}
    cc -O2 -shared -fPIC -Wall -o "$part" "$source" -ldl >&2
    mv -f -- "$part" "$library"
  fi
  printf '%s\n' "$library"
}

start_guest() {
  local wrapper modules version kilobytes console=(con=null con0=null,fd:1)
  wrapper=$(xstate_wrapper)
  version=$(find /usr/lib/uml/modules -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | head -n 1)
  modules=/usr/lib/uml/modules/$version
  [[ -n $version ]] || die "no modules under /usr/lib/uml/modules: is user-mode-linux installed?"
  printf 'modules=%q\n' "$modules" >>"$run/orders"
  [[ -z ${LAB_CONSOLE-} ]] || console=(con=null con0=fd:0,fd:1)

  # The guest's memory is an unlinked file, best kept in /dev/shm; where that is
  # small (containers) a directory on disk must do.
  kilobytes=$(df --output=avail /dev/shm 2>/dev/null | tail -n 1 || echo 0)
  if ((kilobytes < $(numfmt --from=iec "$LAB_MEM") / 1024)); then
    export TMPDIR=$run
  else
    unset TMPDIR
  fi
  unset TMP TEMP

  # A process group of its own, by which the keeper ends all of it; but the console
  # of an interactive guest must stay in the foreground group.
  local session=(setsid --)
  [[ -z ${LAB_CONSOLE-} ]] || session=()

  # Unknown words of the form NAME=VALUE become the environment of init.
  LD_PRELOAD=$wrapper exec "${session[@]}" linux.uml "mem=$LAB_MEM" root=/dev/root rootfstype=hostfs hostfs=/ ro \
    quiet loglevel=1 panic=-1 "umid=${run##*.}" "uml_dir=$run/" selinux=0 systemd.unified_cgroup_hierarchy=1 \
    "${console[@]}" "init=$parts/guest" "LAB_RUN=$run"
}
