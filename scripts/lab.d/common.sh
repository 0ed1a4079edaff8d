# Parts of scripts/lab that run on the host before the guest starts.
# Sourced, not run: expects $here (scripts/) and $parts (scripts/lab.d/).
# shellcheck shell=bash

# Programs of the system administrator are not on an ordinary user's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
repository=$(dirname "$here")

note() { printf 'lab: %s\n' "$*" >&2; }
say() { [[ -z ${LAB_VERBOSE-} ]] || note "$@"; }
die() {
  note "$@"
  exit 125
}
have() { command -v -- "$1" >/dev/null 2>&1; }

# Where compiled parts and results are kept: beside cargo's own output, or in the
# user's cache when the repository is not ours to write.
cache_directory() {
  local dir=${CARGO_TARGET_DIR:-$repository/target}/lab
  mkdir -p -- "$dir" 2>/dev/null && [[ -w $dir ]] || {
    dir=${XDG_CACHE_HOME:-$HOME/.cache}/ipvsd-lab
    mkdir -p -- "$dir"
  }
  printf '%s\n' "$dir"
}
output_directory() { printf '%s/out\n' "$(cache_directory)"; }

# The Debian package that brings a program, for those that the project uses.
package_of() {
  case $1 in
    linux.uml) echo user-mode-linux ;;
    modprobe) echo kmod ;;
    ip | tc | bridge | ss) echo iproute2 ;;
    ps | pgrep | pkill | pidof | sysctl) echo procps ;;
    unshare | nsenter | setsid) echo util-linux ;;
    qemu-system-x86_64) echo qemu-system-x86 ;;
    busybox) echo busybox-static ;;
    cc) echo gcc libc6-dev ;;
    ping) echo iputils-ping ;;
    nft) echo nftables ;;
    keepalived | ipvsadm | haproxy | tcpdump | debootstrap | curl | cpio | strace | iptables) echo "$1" ;;
    *) return 1 ;;
  esac
}

# need PROGRAM...: installs what is missing, or names the command that would.
need() {
  local program packages=()
  for program in "$@"; do
    have "$program" && continue
    # shellcheck disable=SC2207  # names of packages: words
    packages+=($(package_of "$program")) || return 0
  done
  [[ ${#packages[@]} -gt 0 ]] || return 0
  install_packages "${packages[@]}"
}

# Installs Debian packages without letting them start their services: the lab
# wants keepalived's and haproxy's programs, not two daemons on this machine.
install_packages() {
  local command="apt-get install -y --no-install-recommends $*"
  if ! have apt-get; then
    note "missing: $* (Debian's names); install them with this system's packager"
    return 1
  elif [[ $(id -u) -ne 0 ]]; then
    note "missing packages; run this, then try again:"
    note "    sudo $command"
    return 1
  fi
  note "installing $*"
  local policy=/usr/sbin/policy-rc.d status=0 ours= log
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    ours=1
  fi
  log=$(mktemp)
  {
    DEBIAN_FRONTEND=noninteractive $command || {
      apt-get update && DEBIAN_FRONTEND=noninteractive $command
    }
  } >"$log" 2>&1 </dev/null || status=$?
  [[ -z $ours ]] || rm -f -- "$policy"
  if [[ $status -ne 0 ]]; then
    tail -n 20 "$log" >&2
    note "could not install the packages: $command"
  fi
  rm -f -- "$log"
  return "$status"
}

# The host's own kernel will do when we may make namespaces on it and it has, or
# can load, ip_vs.
host_has_namespaces() { [[ $(id -u) -eq 0 ]] && unshare -nmpiuf true 2>/dev/null; }
host_has_ipvs() {
  [[ -e /proc/net/ip_vs ]] || { have modprobe && modprobe -q ip_vs 2>/dev/null && [[ -e /proc/net/ip_vs ]]; }
}

# Prints the kind of kernel to use, with all that it needs in place.
choose_kernel() {
  case ${LAB-} in
    '')
      if host_has_namespaces && host_has_ipvs; then
        echo host
      else
        need linux.uml modprobe >&2 && echo uml
      fi
      ;;
    host)
      host_has_namespaces || die "LAB=host needs root with CAP_SYS_ADMIN, to make namespaces"
      host_has_ipvs || die "LAB=host: this kernel ($(uname -r)) has no IPVS, and ip_vs cannot be loaded; try LAB=uml"
      echo host
      ;;
    native)
      host_has_namespaces || die "LAB=native needs root with CAP_SYS_ADMIN, to make namespaces"
      echo native
      ;;
    uml) need linux.uml modprobe >&2 && echo uml ;;
    qemu) need qemu-system-x86_64 busybox cpio modprobe >&2 && echo qemu ;;
    *) die "LAB=$LAB is not one of host, uml, qemu, native" ;;
  esac
}

# Only root gets a process-id namespace around the guest. An ordinary user could
# have one inside a user namespace, but there the host's root is nobody, and so are
# the set-user-id programs that the guest sees.
pid_namespace=()
if [[ $(id -u) -eq 0 ]] && unshare -pf true 2>/dev/null; then
  pid_namespace=(unshare --pid --fork --kill-child --)
fi

passed_on='^(LAB_.*|IPVSD_.*|RUST.*|CARGO_.*|INSTA_.*|PROPTEST_.*|PATH|HOME|TERM|LANG|LC_.*|COLUMNS|NO_COLOR|CLICOLOR.*)$'

# write_orders RUN KIND CMD...: the file that the guest's first script sources.
write_orders() {
  local run=$1 kind=$2 name
  shift 2
  if [[ $# -gt 0 ]]; then
    need "$1" || exit 125
  fi
  # One stream when both lead to the same place: then their order is kept.
  if [[ $(readlink /proc/$$/fd/1) == "$(readlink /proc/$$/fd/2)" ]]; then
    : >"$run/merged"
  fi
  {
    while IFS= read -r name; do
      [[ $name =~ $passed_on ]] && printf 'export %s=%q\n' "$name" "${!name}"
    done < <(compgen -e)
    printf 'export IPVSD_LAB=%q USER=root LOGNAME=root SHELL=/bin/bash\n' "$kind"
    printf 'directory=%q repository=%q\n' "$PWD" "$repository"
    printf 'command=('
    [[ $# -eq 0 ]] || printf ' %q' "$@"
    printf ' )\n'
  } >"$run/orders"
}

# feed_stdin RUN: a file is named to the guest, a pipe is spooled until it ends.
feed_stdin() {
  local run=$1 file
  file=$(readlink -f /proc/$$/fd/0 2>/dev/null || true)
  if [[ -t 0 || $file == /dev/null || ! -e /proc/$$/fd/0 ]]; then
    printf 'stdin=/dev/null\n' >>"$run/orders"
  elif [[ -f $file ]]; then
    printf 'stdin=%q\n' "$file" >>"$run/orders"
  else
    printf 'stdin=spool\n' >>"$run/orders"
    spool_stdin "$run" <&0 {leash}>&- 2>/dev/null &
    feeder=$!
  fi
}

# Ends with standard input, or when told to: a pipe may never end.
spool_stdin() {
  cat <&0 >"$1/stdin.part" &
  trap "kill $!" TERM
  wait $! && mv "$1/stdin.part" "$1/stdin"
}
