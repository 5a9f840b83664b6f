# Functions that the scripts of this project share, for sh and bash. Source it; it runs nothing.
# shellcheck shell=sh

# Prints a message with the name of the script, or script_name. Standard output is for results.
say() { echo "${script_name:-${0##*/}}: $*" >&2; }
fail() {
    say "$*"
    exit 1
}

# Whether a process runs. `kill -0` alone also succeeds on a zombie.
alive() {
    kill -0 "$1" 2>/dev/null || return 1
    ! grep -qs ') Z ' "/proc/$1/stat"
}
ended() { ! alive "$1"; }

# Waits until a command succeeds: await SECONDS COMMAND...
await() {
    tenths=$(($1 * 10))
    shift
    until "$@"; do
        tenths=$((tenths - 1))
        [ $tenths -gt 0 ] || return 1
        sleep 0.1
    done
}

# Whether any process listens on a TCP port.
listens() {
    grep -qis "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$1") [0-9A-F]*:0000 0A" /proc/net/tcp /proc/net/tcp6
}

# The first of COUNT consecutive ports that are free, below the range of outgoing connections.
free_ports() {
    while :; do
        first=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
        port=$first
        while ! listens $port; do
            port=$((port + 1))
            [ $port -lt $((first + $1)) ] || break 2
        done
    done
    echo "$first"
}

docker_answers() { command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; }

# Pulls an image: pull NAME SUBSTITUTE. A registry that does not answer within a minute counts as
# unreachable; the message then names the substitute.
pull() {
    say "pulling the image $1"
    timeout 60 docker pull -q "$1" >/dev/null 2>&1 && return
    say "no image $1 on this machine or in a registry: using $2 instead"
    return 1
}

# Runs an installation if a check fails: ensure CHECK COMMAND... Only root on Debian can install;
# for others it fails. The lock makes concurrent scripts install once: a script that waited for it
# checks again.
ensure() {
    "$1" >/dev/null && return
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null || ! command -v flock >/dev/null; then
        return 1
    fi
    (
        flock 9
        "$1" >/dev/null && exit
        shift
        # Closed, because a process that a package starts would keep the lock.
        "$@" 9>&-
    ) 9>/run/ticketd-setup.lock
}

# Installs Debian packages, without starting their services. A subshell, for its traps.
install_packages() (
    say "installing $*"
    log=$(mktemp)
    # An exit status of 101 from policy-rc.d forbids packages to start services.
    policy=/usr/sbin/policy-rc.d
    if [ -e $policy ]; then policy=; else
        printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy
    fi
    trap 'rm -f $policy "$log"' EXIT
    trap 'exit 130' INT TERM HUP
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 LC_ALL=C
    { update_lists && apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "$@"; } \
        >"$log" 2>&1 </dev/null || {
        tail -n 5 "$log" >&2
        fail "apt-get could not install $*: its last lines are above"
    }
)

# Waits up to ten minutes for another process's lock on the package lists: DPkg::Lock::Timeout
# applies to dpkg's lock only.
update_lists() {
    tries=600
    while :; do
        status=0
        answer=$(apt-get update 2>&1) || status=$?
        echo "$answer"
        case $status/$answer in
        0/*) return ;;
        *"Could not get lock"*) tries=$((tries - 1)) ;;
        *) return $status ;;
        esac
        [ $tries -gt 0 ] || return $status
        sleep 1
    done
}
