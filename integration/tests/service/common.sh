# What the scripts of this folder share. They run as root on a booted Debian (scripts/lab-debian), in the repository.
# shellcheck shell=bash
set -uo pipefail
export LC_ALL=C.UTF-8 SYSTEMD_PAGER='' SYSTEMD_COLORS=0
programs=${IPVSD_PROGRAMS:?the folder of the binaries under test}

# Progress and figures go to standard error; the test shows them when something fails, or on demand.
started=${EPOCHREALTIME/./}
step() { printf '%7d ms  %s\n' $(((${EPOCHREALTIME/./} - started) / 1000)) "$*" >&2; }

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  {
    systemctl --no-pager --full status ipvsd
    journalctl --no-pager --unit ipvsd --lines 80
    ipvsadm -Sn
    ip -brief address
  } >&2 2>&1
  exit 1
}

# must WHAT COMMAND...: the command succeeds, now.
must() {
  local what=$1 output
  shift
  output=$("$@" 2>&1) || fail "$what: \`$*\` ended with status $? and said: $output"
}

# must_fail WHAT COMMAND...: it does not.
must_fail() {
  local what=$1
  shift
  if "$@" >/run/output 2>&1; then fail "$what: \`$*\` succeeded"; fi
}

# same WHAT WANTED ACTUAL
same() { [[ $2 == "$3" ]] || fail "$1: wanted"$'\n'"$2"$'\n'"and got"$'\n'"$3"; }

# eventually WHAT COMMAND...: the command succeeds before a minute is over.
eventually() {
  local what=$1 until=$((SECONDS + 60))
  shift
  until "$@" >/dev/null 2>&1; do
    [[ $SECONDS -lt $until ]] || fail "waited a minute for: $what"
    sleep 0.1
  done
}

property() { systemctl show --property "$1" --value ipvsd; }
# The kernel's table, a line each, in an order of its own.
table() { ipvsadm -Sn | sort; }
table_is() { [[ $(table) == "$1" ]]; }
vip_is_here() { [[ $(ip -brief address show dev eth0) == *" 192.0.2.10/32"* ]]; }
vip_is_gone() { ! vip_is_here; }
logged() { journalctl --unit ipvsd --output cat | grep -q -- "$1"; }

# eth0 for the virtual address, and real servers that accept connections on 10.0.0.11 to .13, port 8080.
make_network() {
  ip link add eth0 type dummy
  ip address add 192.0.2.2/24 dev eth0
  ip link set eth0 up
  ip link add servers type dummy
  for last in 11 12 13; do ip address add "10.0.0.$last/24" dev servers; done
  ip link set servers up
  cat >/run/servers.py <<'END'
import socket, threading
def serve(address):
    listener = socket.create_server((address, 8080))
    while True:
        listener.accept()[0].close()
threads = [threading.Thread(target=serve, args=(f"10.0.0.{last}",)) for last in (11, 12, 13)]
for thread in threads:
    thread.start()
END
  python3 /run/servers.py &
  eventually "the real servers" bash -c 'exec 3<>/dev/tcp/10.0.0.13/8080'
}
