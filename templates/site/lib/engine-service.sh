# shellcheck shell=sh
# The engine as a service of the host: systemd, OpenRC, or a script in /etc/init.d.

service_kind() {
    if [ -d "$ENGINE_ROOT/run/systemd/system" ] && command -v systemctl >/dev/null; then
        echo systemd
    elif command -v rc-update >/dev/null; then
        echo openrc
    else
        echo lsb
    fi
}

service_file() { # KIND
    case $1 in
        systemd) echo /etc/systemd/system/docker.service ;;
        *) echo /etc/init.d/docker ;;
    esac
}

put_service() {
    kind=$(service_kind)
    record service "$kind" -
    case $kind in
        systemd) systemd_unit | put_text "$(service_file "$kind")" 644 ;;
        openrc) openrc_script | put_text "$(service_file "$kind")" 755 ;;
        lsb) lsb_script | put_text "$(service_file "$kind")" 755 ;;
    esac || exit $?
}

# As Docker's own packages do, but that the daemon starts its containerd itself. Ten thousand times
# the usual descriptors is enough for all, and no limit at all makes some programs run out of memory.
systemd_unit() {
    cat <<UNIT
[Unit]
Description=Docker (installed by openim-bundler)
Documentation=https://docs.docker.com
After=network-online.target firewalld.service time-set.target
Wants=network-online.target

[Service]
Type=notify
Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=$ENGINE_ROOT$ENGINE_BIN/dockerd
ExecReload=/bin/kill -s HUP \$MAINPID
TimeoutStartSec=0
RestartSec=2
Restart=always
StartLimitBurst=3
StartLimitInterval=60s
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
Delegate=yes
KillMode=process
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
UNIT
}

openrc_script() {
    cat <<SCRIPT
#!/sbin/openrc-run
# Docker, installed by openim-bundler.

name=Docker
command=$ENGINE_ROOT$ENGINE_BIN/dockerd
command_background=yes
pidfile=$ENGINE_ROOT/run/docker-openrc.pid
output_log=$ENGINE_ROOT/var/log/docker.log
error_log=$ENGINE_ROOT/var/log/docker.log
rc_ulimit="-n 1048576 -u unlimited"
retry=TERM/120/KILL/5
extra_started_commands=reload

depend() {
    need localmount sysfs cgroups
    use net dns
    after firewall iptables
}

start_pre() {
    export PATH="/usr/local/sbin:/usr/local/bin:\$PATH"
}

reload() {
    ebegin "Reloading Docker"
    start-stop-daemon --signal HUP --pidfile "\$pidfile"
    eend \$?
}
SCRIPT
}

lsb_script() {
    cat <<SCRIPT
#!/bin/sh
### BEGIN INIT INFO
# Provides:          docker
# Required-Start:    \$local_fs \$remote_fs \$network
# Required-Stop:     \$local_fs \$remote_fs \$network
# Should-Start:      cgroupfs-mount firewalld iptables
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Docker (installed by openim-bundler)
### END INIT INFO
# chkconfig: 2345 95 05
# description: Docker (installed by openim-bundler)

DOCKERD=$ENGINE_ROOT$ENGINE_BIN/dockerd
PIDFILE=$ENGINE_ROOT/var/run/docker.pid
LOG=$ENGINE_ROOT/var/log/docker.log
SCRIPT
    cat <<'SCRIPT'
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export PATH

# A process that has ended stays in the table until its parent has asked for it.
alive() { # PID
    case $(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) in
        '' | Z* | X*) return 1 ;;
    esac
}

# Sets pid where the daemon runs; a number in a file may be another program's by now.
running() {
    pid=$(cat "$PIDFILE" 2>/dev/null) && [ -n "$pid" ] && alive "$pid" &&
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]
}

start() {
    if running; then return 0; fi
    rm -f "$PIDFILE"
    if [ -s "$LOG" ]; then mv -f "$LOG" "$LOG.1"; fi
    # What the containers get; as much as allowed where that much is not.
    ulimit -n 1048576 2>/dev/null || ulimit -n "$(ulimit -H -n)" 2>/dev/null || :
    # A session of its own: no key pressed at this terminal, and no end of it, reaches the daemon.
    if command -v setsid >/dev/null; then detach=setsid; else detach=nohup; fi
    # Its number is written here, not by itself: it is known at once, and never that of another.
    "$detach" "$DOCKERD" --pidfile= >>"$LOG" 2>&1 </dev/null &
    printf '%s\n' "$!" >"$PIDFILE"
    # setsid or nohup still have to become it.
    sleep 1
    running
}

stop() {
    running || return 0
    kill -TERM "$pid"
    left=120
    while running; do
        [ "$left" -gt 0 ] || return 1
        sleep 1
        left=$((left - 1))
    done
    rm -f "$PIDFILE"
}

case ${1:-} in
    start) printf 'Starting Docker\n' && start ;;
    stop) printf 'Stopping Docker\n' && stop ;;
    restart | force-reload) stop && start ;;
    reload) running && kill -HUP "$pid" ;;
    status) if running; then printf 'Docker is running (%s)\n' "$pid"; else printf 'Docker is not running\n'; exit 3; fi ;;
    *) printf 'Usage: %s start|stop|restart|reload|status\n' "$0" >&2; exit 2 ;;
esac
SCRIPT
}

# Starts the daemon now and whenever the host starts.
start_service() { # KIND
    script=$ENGINE_ROOT$(service_file "$1")
    case $1 in
        systemd)
            attend systemctl daemon-reload && attend systemctl enable docker.service &&
                attend systemctl start docker.service ;;
        openrc)
            attend rc-update add docker default && attend rc-service docker start ;;
        lsb)
            if command -v update-rc.d >/dev/null && attend update-rc.d docker defaults; then :
            elif command -v chkconfig >/dev/null && attend chkconfig --add docker; then :
            else say engine.no_boot "$script"; fi
            mkdir -p "$ENGINE_ROOT/var/run" "$ENGINE_ROOT/var/log"
            attend "$script" start ;;
    esac
}

# Stops the daemon for good; true where there is nothing to stop any more.
stop_service() { # KIND
    script=$ENGINE_ROOT$(service_file "$1")
    [ -e "$script" ] || return 0
    case $1 in
        systemd)
            attend systemctl stop docker.service || return 1
            attend systemctl disable docker.service || : ;;
        openrc)
            if rc-service docker status >/dev/null 2>&1; then attend rc-service docker stop || return 1; fi
            attend rc-update del docker default || : ;;
        lsb)
            attend "$script" stop || return 1
            if command -v update-rc.d >/dev/null; then
                # It refuses while the script is there unless told so.
                attend update-rc.d -f docker remove || :
            elif command -v chkconfig >/dev/null; then
                attend chkconfig --del docker || :
            fi ;;
    esac
}

# The client of our own engine, on the place where its daemon listens.
own_docker() ( # ARG...
    unset DOCKER_HOST DOCKER_CONTEXT DOCKER_TLS DOCKER_TLS_VERIFY
    exec "$ENGINE_ROOT$ENGINE_BIN/docker" "$@" </dev/null
)

# The daemon's version, as soon as it answers.
engine_answer() {
    answer=$(own_docker version --format '{{.Server.Version}}' 2>/dev/null) && [ -n "$answer" ] &&
        printf '%s\n' "$answer"
}

wait_for_engine() {
    say engine.waiting
    begin=$(seconds)
    until engine_answer >/dev/null; do
        [ $(($(seconds) - begin)) -lt "$ENGINE_SECONDS" ] || return 1
        case $(own_value service) in
            lsb) "$ENGINE_ROOT$(service_file lsb)" status >/dev/null || return 1 ;;
        esac
        nap 1
    done
}

running_containers() {
    containers=$(own_docker ps -q 2>/dev/null) || containers=
    printf '%s\n' "$containers" | grep -c . || :
}

# The last words of a daemon that does not do its work.
engine_log() { # KIND
    case $1 in
        systemd) journalctl -u docker.service -n 20 --no-pager -o cat 2>/dev/null || : ;;
        *) tail -n 20 "$ENGINE_ROOT/var/log/docker.log" 2>/dev/null || : ;;
    esac
}
