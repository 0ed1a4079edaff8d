#!/bin/bash
# examples/systemd/ipvsd.service, on a booted Debian: everything that the unit promises.
. "$(dirname "$0")/common.sh"
unit=/etc/systemd/system/ipvsd.service
file=/etc/keepalived/keepalived.conf

# Reads the kernel's table as fast as it can, and notes when it is ever short of the entries named.
watch_table() {
  cat >/run/watch.py <<'END'
import os, sys, time
wanted = int(sys.argv[1])
looks, least = 0, wanted
while not os.path.exists("/run/watched"):
    text = open("/proc/net/ip_vs").read()
    least = min(least, text.count("->") - 1 + text.count("TCP "))
    looks += 1
    time.sleep(0.005)
print(least, looks)
END
  rm -f /run/watched /run/watch.ready
  python3 /run/watch.py "$1" >/run/watch.out &
  watcher=$!
}
nothing_was_lost() {
  local least looks
  touch /run/watched
  wait "$watcher" || fail "the watcher died"
  read -r least looks </run/watch.out
  [[ $looks -gt 20 ]] || fail "the watcher looked at the table only $looks times"
  same "entries in the kernel at every moment" "$1" "$least"
  step "... the table was looked at $looks times, and whole each time"
}

configure() { # $1: weight of the first server; the rest: more real servers
  local weight=$1
  shift
  cat <<END
global_defs {
    router_id lab
    vrrp_rt_priority 3
    vrrp_no_swap
}
vrrp_script as_root {
    script "pidof python3"
    interval 1
}
vrrp_script as_nobody {
    script "/usr/local/bin/am-i nobody"
    interval 1
    user nobody
}
vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 1
    virtual_ipaddress {
        192.0.2.10
    }
    track_script {
        as_root
        as_nobody
    }
    notify_master "/usr/local/bin/on-master"
}
virtual_server 192.0.2.10 80 {
    delay_loop 2
    lb_algo wlc
    lb_kind NAT
    protocol TCP
    real_server 10.0.0.11 8080 {
        weight $weight
    }
    real_server 10.0.0.12 8080 {
        weight 1
        TCP_CHECK {
            connect_timeout 3
        }
    }
    $*
}
END
}
service='-A -t 192.0.2.10:80 -s wlc'
entry() { printf '%s\n' "-a -t 192.0.2.10:80 -r 10.0.0.$1:8080 -m -w $2"; }

make_network
cat >/usr/local/bin/am-i <<'END'
#!/bin/sh
test "$(id -un)" = "$1"
END
cat >/usr/local/bin/on-master <<'END'
#!/bin/sh
echo "$(id -un)" >/run/on-master
END
chmod 755 /usr/local/bin/am-i /usr/local/bin/on-master
# A kernel as after boot: nobody has asked for IPVS yet.
modprobe -r ip_vs_wlc ip_vs
[[ ! -e /proc/net/ip_vs ]] || fail "ip_vs is still there"
forward=$(</proc/sys/net/ipv4/ip_forward) nonlocal=$(</proc/sys/net/ipv4/ip_nonlocal_bind)
same "ip_forward before" 0 "$forward"

step "the unit is installed, and systemd has nothing to say against it"
install -D -m 755 "$programs/ipvsd" /usr/sbin/ipvsd
install -D -m 755 "$programs/ipvsctl" /usr/bin/ipvsctl
install -D -m 644 examples/systemd/ipvsd.service "$unit"
same "systemd-analyze verify" "" "$(systemd-analyze verify "$unit" 2>&1 || echo "status $?")"
systemctl daemon-reload
same "what systemd understood" "" "$(journalctl --output cat _PID=1 | grep -i 'ipvsd.service.*\(unknown\|ignor\|fail\)')"

# A mistake of which keepalived would only warn would be one here too: a file that includes itself has no meaning.
step "a configuration that cannot be run: the start fails, says why, and is not tried again and again"
mkdir -p /etc/keepalived
configure 1 "include $file" >"$file"
must_fail "a start with a bad configuration" systemctl start ipvsd
same "state after it" failed "$(systemctl is-active ipvsd)"
same "exit status after it" 3 "$(property ExecMainStatus)"
same "restarts after it" 0 "$(property NRestarts)"
logged "$file:[0-9]*:[0-9]*: error.*include" || fail "the journal does not say where the mistake is"
systemctl reset-failed ipvsd

step "start returns when the table is programmed"
configure 1 >"$file"
before=${EPOCHREALTIME/./}
must "the start" systemctl start ipvsd
step "... after $(((${EPOCHREALTIME/./} - before) / 1000)) ms"
at_once=$(ipvsadm -Sn)
same "the service right after the start" "$service" "$(grep -- ^-A <<<"$at_once")"
same "the server without a check right after the start" "$(entry 11 1)" "$(grep 10.0.0.11 <<<"$at_once")"
same "is-active" active "$(systemctl is-active ipvsd)"
[[ $(property StatusText) == *"1 virtual router"*"1 service"* ]] || fail "status text: $(property StatusText)"
eventually "the checked server" table_is "$(printf '%s\n' "$service" "$(entry 11 1)" "$(entry 12 1)")"
step "the virtual address comes, so that both tracked scripts run under the unit's limits"
eventually "the virtual address" vip_is_here
eventually "the notify script" test -s /run/on-master
same "the notify script's user" root "$(</run/on-master)"
same "ip_forward while it runs" 1 "$(</proc/sys/net/ipv4/ip_forward)"

step "capabilities: those of the unit and no others"
pid=$(property MainPID)
# KILL 5, SETGID 6, SETUID 7, NET_BIND_SERVICE 10, NET_ADMIN 12, NET_RAW 13, IPC_LOCK 14, SYS_NICE 23 (linux/capability.h)
same "capabilities" "00000000008074e0 00000000008074e0 00000000008074e0" \
  "$(sed -n 's/^Cap\(Prm\|Eff\|Bnd\):\t//p' "/proc/$pid/status" | xargs)"

step "real time for the routers' thread and for no other, and locked memory, as the file asks"
same "real-time priorities" 3 "$(python3 - "$pid" <<'END'
import os, sys
threads = [int(thread) for thread in os.listdir(f"/proc/{sys.argv[1]}/task")]
print(*[os.sched_getparam(thread).sched_priority for thread in threads if os.sched_getscheduler(thread) != os.SCHED_OTHER])
END
)"
[[ $(sed -n 's/^VmLck:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status") -gt 0 ]] || fail "no memory is locked"

step "the journal has the daemon's own lines, with fields"
journalctl --unit ipvsd --output json SYSLOG_IDENTIFIER=ipvsd >/run/journal
python3 - "$pid" <<'END' || fail "the journal: $(tail -n 3 /run/journal)"
import json, sys
lines = [json.loads(line) for line in open("/run/journal")]
mine = [line for line in lines if line["_PID"] == sys.argv[1] and line["_TRANSPORT"] == "journal"]
started = [line for line in mine if " runs /etc/keepalived/keepalived.conf: " in line["MESSAGE"]]
assert len(started) == 1, "no line about the start"
assert started[0]["TARGET"].startswith("ipvsd"), started
assert started[0]["CODE_LINE"].isdigit(), started
assert started[0]["PRIORITY"] in "56", started
END

step "reload: the table changes, the process does not"
two=$(printf '%s\n' "$service" "$(entry 11 3)" "$(entry 12 1)" "$(entry 13 2)")
configure 3 'real_server 10.0.0.13 8080 { weight 2 
 }' >"$file"
must "a reload" systemctl reload ipvsd
same "the table right after the reload" "$two" "$(table)"
same "the process" "$pid" "$(property MainPID)"
vip_is_here || fail "the reload lost the virtual address"

step "a reload with a broken file: it fails, says why, and changes nothing"
configure 5 "include $file" >"$file"
must_fail "a reload with a broken file" systemctl reload ipvsd
same "the table" "$two" "$(table)"
same "the process" "$pid active" "$(property MainPID) $(systemctl is-active ipvsd)"
eventually "the reason in the journal" logged "reload refused"
logged "ipvsctl: the configuration was refused" || fail "ipvsctl's own words are not in the journal"
[[ $(property StatusText) == *"reload refused"* ]] || fail "status text: $(property StatusText)"
configure 3 'real_server 10.0.0.13 8080 { weight 2 
 }' >"$file"
must "a reload with the mended file" systemctl reload ipvsd
same "the table" "$two" "$(table)"
[[ $(property StatusText) != *refused* ]] || fail "status text: $(property StatusText)"

another_process_is_ready() {
  local now
  now=$(property MainPID)
  [[ $now != 0 && $now != "$pid" && $(systemctl is-active ipvsd) == active ]]
}

step "SIGKILL: systemd starts it again, and it adopts the table"
watch_table 4
before=${EPOCHREALTIME/./}
systemctl kill --signal KILL --kill-who main ipvsd
eventually "another process, ready" another_process_is_ready
step "... ready again after $(((${EPOCHREALTIME/./} - before) / 1000)) ms"
pid=$(property MainPID)
same "restarts" 1 "$(property NRestarts)"
eventually "the virtual address" vip_is_here
eventually "the router's own word on it" bash -c 'ipvsctl show | grep -q MASTER'
nothing_was_lost 4
same "the table" "$two" "$(table)"

step "the watchdog: a process that hangs is replaced"
mkdir -p "$unit.d"
printf '[Service]\nWatchdogSec=10\n' >"$unit.d/quick.conf"
systemctl daemon-reload
must "a restart" systemctl restart ipvsd
same "the table, entries of which were removed and made again" "$service" "$(grep -- ^-A <<<"$(table)")"
eventually "all servers after the restart" table_is "$two"
pid=$(property MainPID)
seen=$(property WatchdogTimestampMonotonic)
eventually "a sign of life" bash -c "[[ \$(systemctl show --property WatchdogTimestampMonotonic --value ipvsd) != $seen ]]"
same "restarts" 0 "$(property NRestarts)"
watch_table 4
before=${EPOCHREALTIME/./}
kill -STOP "$pid"
eventually "another process, ready" another_process_is_ready
step "... ready again after $(((${EPOCHREALTIME/./} - before) / 1000)) ms"
logged "Watchdog timeout" || fail "it was not the watchdog"
nothing_was_lost 4
same "the table" "$two" "$(table)"
rm "$unit.d/quick.conf"
systemctl daemon-reload

step "options in /etc/default/ipvsd: a socket for a group, which needs a word in a drop-in"
printf '[Service]\nSupplementaryGroups=adm\n' >"$unit.d/group.conf"
printf 'IPVSD_CONFIG=%s\nIPVSD_OPTIONS=--socket-group adm\n' "$file" >/etc/default/ipvsd
systemctl daemon-reload
must "a restart" systemctl restart ipvsd
same "the socket" "root adm 660" "$(stat --format '%U %G %a' /run/ipvsd/ipvsd.sock)"
eventually "the virtual address" vip_is_here

step "stop: the host is as it was before"
must "the stop" systemctl stop ipvsd
same "the table" "" "$(table)"
vip_is_gone || fail "the virtual address is still there"
same "sysctls" "$forward $nonlocal" "$(</proc/sys/net/ipv4/ip_forward) $(</proc/sys/net/ipv4/ip_nonlocal_bind)"
same "how it ended" "inactive success" "$(systemctl is-active ipvsd) $(property Result)"
[[ ! -e /run/ipvsd ]] || fail "/run/ipvsd is still there"
same "failed units" "" "$(systemctl list-units --failed --no-legend --plain)"
step "$(systemd-analyze security ipvsd 2>/dev/null | tail -n 1)"
step "$(systemd-analyze time | head -n 1)"
echo "all of it"
