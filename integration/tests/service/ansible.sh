#!/bin/bash
# examples/ansible/, on a booted Debian: the role against this machine, with both languages.
. "$(dirname "$0")/common.sh"
export HOME=/root ANSIBLE_NOCOLOR=1 ANSIBLE_PIPELINING=1 ANSIBLE_RETRY_FILES_ENABLED=0

cat >/run/inventory.ini <<END
[load_balancers]
localhost ansible_connection=local ansible_python_interpreter=/usr/bin/python3
[load_balancers:vars]
ipvsd_binaries=$programs
ipvsd_interface=eth0
ipvsd_virtual_address=192.0.2.10
ipvsd_port=80
END

# play STATUS ARGUMENT...: runs the playbook, and wants this exit status; what it said is in /run/play.
play() {
  local wanted=$1 status before=${EPOCHREALTIME/./}
  shift
  (cd examples/ansible && ansible-playbook -i /run/inventory.ini playbook.yml "$@") >/run/play 2>&1
  status=$?
  step "... the play took $(((${EPOCHREALTIME/./} - before) / 1000)) ms"
  [[ $status == "$wanted" ]] || fail "the play ended with status $status, not $wanted: $(</run/play)"
}
recap() { sed -n "s/^localhost .*[: ]$1=\([0-9]*\).*/\1/p" /run/play; }
# The names of the handlers that did something.
handlers() { awk '/^RUNNING HANDLER/ { gsub(/[][]/, ""); name = $5 } /^changed/ && name { print name; name = "" }' /run/play | xargs; }

# What follows a changed variable begins here: the tasks before it have been seen to change nothing, and a task takes seconds
# in this guest.
from_the_file=(--start-at-task 'Write the configuration')

service='-A -t 192.0.2.10:80 -s wlc'
entry() { printf '%s\n' "-a -t 192.0.2.10:80 -r 10.0.0.$1:8080 -m -w 1"; }
two=$(printf '%s\n' "$service" "$(entry 11)" "$(entry 12)")
three=$(printf '%s\n' "$service" "$(entry 11)" "$(entry 12)" "$(entry 13)")
servers() { # as Ansible takes them: LAST...
  local list='' last
  for last; do list+="${list:+, }\"10.0.0.$last:8080\""; done
  printf '{"ipvsd_servers": [%s]}' "$list"
}

configured() { # FILE: after a first run with it
  same "the service" "active enabled" "$(systemctl is-active ipvsd) $(systemctl is-enabled ipvsd)"
  same "the file's owner and mode" "root root 600" "$(stat --format '%U %G %a' "$1")"
  same "the virtual service right after the play" "$service" "$(grep -- ^-A <<<"$(table)")"
  eventually "its servers" table_is "$two"
  eventually "the virtual address" vip_is_here
  pid=$(property MainPID)
  same "the command line" "/usr/sbin/ipvsd --config $1 --log journal " "$(tr '\0' ' ' <"/proc/$pid/cmdline")"
}

nothing_to_do() { # TEMPLATE [ARGUMENT...]
  local template=$1
  shift
  step "$template: the second run changes nothing"
  play 0 -e "ipvsd_config_template=$template" -e "$(servers 11 12)" "$@"
  same "changes of the second run" 0 "$(recap changed)"
  same "the process" "$pid" "$(property MainPID)"
}

changed() { # TEMPLATE FILE SLIP: a variable with a wrong value, which `ipvsctl check` speaks of
  local template=$1 file=$2 slip=$3 written
  step "$template: a server more is a reload, not a restart"
  play 0 -e "ipvsd_config_template=$template" -e "$(servers 11 12 13)" "${from_the_file[@]}"
  same "handlers" Reload "$(handlers)"
  same "the process" "$pid" "$(property MainPID)"
  eventually "the third server" table_is "$three"

  step "$template: a file that cannot be run does not replace the one that can"
  written=$(sha256sum "$file")
  play 2 -e "ipvsd_config_template=$template" -e "$(servers 11)" -e "$slip" "${from_the_file[@]}"
  same "failed tasks" 1 "$(recap failed)"
  same "changes" 0 "$(recap changed)"
  grep -q 'failed to validate' /run/play && grep -q ': refused, ' /run/play || fail "the play does not say why: $(</run/play)"
  same "the file" "$written" "$(sha256sum "$file")"
  same "the process" "$pid active" "$(property MainPID) $(systemctl is-active ipvsd)"
  same "the table" "$three" "$(table)"
}

make_network
step "ipvsd.toml.j2: the first run installs and starts"
play 0 -e ipvsd_config_template=ipvsd.toml.j2 -e "$(servers 11 12)"
same "changes of the first run" 7 "$(recap changed)"
same "handlers of the first run" "" "$(handlers)"
configured /etc/ipvsd/ipvsd.toml
nothing_to_do ipvsd.toml.j2
changed ipvsd.toml.j2 /etc/ipvsd/ipvsd.toml ipvsd_port=eighty

step "keepalived.conf.j2: the same machine in the other language; another file's name is a restart"
play 0 -e ipvsd_config_template=keepalived.conf.j2 -e "$(servers 11 12)" "${from_the_file[@]}"
same "handlers" Restart "$(handlers)"
configured /etc/ipvsd/keepalived.conf
nothing_to_do keepalived.conf.j2 "${from_the_file[@]}"
# Text where a list is wanted: each letter becomes a server, of which keepalived would only warn.
changed keepalived.conf.j2 /etc/ipvsd/keepalived.conf 'ipvsd_servers=["10.0.0.11:8080"]'

same "failed units" "" "$(systemctl list-units --failed --no-legend --plain)"
echo "all of it"
