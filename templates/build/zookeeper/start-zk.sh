#!/bin/sh
# Starts ZooKeeper in place of this shell, so that the engine's signals reach it.
#
# Started by root, it hands the data to a user without rights and goes on as that user: the folder that
# an engine makes for a bind mount is root's. Started by anyone else, it stays who it is.
#
# zoo.cfg is written anew at every start, from zoo_sample.cfg and these variables, unless it is somebody's
# own, which is never touched. Unset variables leave the default.
#   ZOO_TICK_TIME ZOO_INIT_LIMIT ZOO_SYNC_LIMIT ZOO_MAX_CLIENT_CNXNS ZOO_STANDALONE_ENABLED
#   ZOO_AUTOPURGE_PURGEINTERVAL ZOO_AUTOPURGE_SNAPRETAINCOUNT ZOO_ADMINSERVER_ENABLED
#   ZOO_4LW_COMMANDS_WHITELIST ZOO_DATA_DIR ZOO_DATA_LOG_DIR
#   ZOO_SERVERS      members of an ensemble, e.g. "server.1=zoo1:2888:3888;2181 server.2=…"
#   ZOO_MY_ID        which of them this is
#   ZOO_CFG_EXTRA    further lines of zoo.cfg, separated by spaces
#   JVMFLAGS, SERVER_JVMFLAGS   options of the JVM, separated by spaces
set -eu
set -f

: "${ZK_HOME:=/opt/zookeeper}" "${ZOOCFGDIR:=/opt/zookeeper-3.4.6/conf}"
: "${ZOO_DATA_DIR:=/opt/zookeeper-3.4.6/data}" "${ZOO_DATA_LOG_DIR:=}"

ZOO_UID=10001
# Of util-linux, by its path: the one of busybox cannot change the user.
SETPRIV=/usr/bin/setpriv
MARK='# Written at every start. To keep what you change here, remove this line.'

# Left in the data folder once a log without a snapshot can only be a loss.
SEEN=$ZOO_DATA_DIR/.started-by-zookeeper-3.5-or-later

fail() {
  printf 'start-zk: %s\n' "$1" >&2
  exit 1
}

# setting KEY VALUE: a line of zoo.cfg, none without a value.
setting() {
  [ -z "$2" ] || printf '%s=%s\n' "$1" "$2"
}

settings() {
  setting dataDir "$ZOO_DATA_DIR"
  setting dataLogDir "$ZOO_DATA_LOG_DIR"
  setting tickTime "${ZOO_TICK_TIME:-}"
  setting initLimit "${ZOO_INIT_LIMIT:-}"
  setting syncLimit "${ZOO_SYNC_LIMIT:-}"
  setting maxClientCnxns "${ZOO_MAX_CLIENT_CNXNS:-}"
  setting standaloneEnabled "${ZOO_STANDALONE_ENABLED:-}"
  # Neither would ever be deleted otherwise.
  setting autopurge.purgeInterval "${ZOO_AUTOPURGE_PURGEINTERVAL:-24}"
  setting autopurge.snapRetainCount "${ZOO_AUTOPURGE_SNAPRETAINCOUNT:-3}"
  setting admin.enableServer "${ZOO_ADMINSERVER_ENABLED:-false}"
  setting 4lw.commands.whitelist "${ZOO_4LW_COMMANDS_WHITELIST:-srvr, ruok, mntr}"
  for line in ${ZOO_SERVERS:-} ${ZOO_CFG_EXTRA:-}; do
    printf '%s\n' "$line"
  done
}

write_config() {
  config=$ZOOCFGDIR/zoo.cfg
  if [ -e "$config" ] && [ "$(head -n 1 "$config")" != "$MARK" ]; then
    printf 'start-zk: using your own %s\n' "$config"
    return 0
  fi
  [ -w "$ZOOCFGDIR" ] || fail "cannot write $config as user $(id -u)"
  {
    printf '%s\n' "$MARK"
    cat "$ZK_HOME/conf/zoo_sample.cfg"
    printf '\n# From the environment. Of two lines with one key, the last counts.\n'
    settings
  } >"$config.new"
  mv "$config.new" "$config"
}

write_id() {
  if [ -n "${ZOO_SERVERS:-}" ] && [ ! -e "$ZOO_DATA_DIR/myid" ]; then
    printf '%s\n' "${ZOO_MY_ID:-1}" >"$ZOO_DATA_DIR/myid"
  fi
}

# has_files PATTERN: whether the data of this server has a file of that name.
has_files() {
  for dir in "$ZOO_DATA_DIR" ${ZOO_DATA_LOG_DIR:+"$ZOO_DATA_LOG_DIR"}; do
    [ -d "$dir/version-2" ] || continue
    [ -z "$(find "$dir/version-2" -maxdepth 1 -type f -name "$1" | head -n 1)" ] || return 0
  done
  return 1
}

# ZooKeeper 3.4 may leave a log without any snapshot. A later one takes that for a loss of data and
# refuses to start, unless it is told that it is none. It is told so until it has written snapshots of
# its own; from then on a log without any is a loss.
from_old_version() {
  [ ! -e "$SEEN" ] && has_files 'log.*' && ! has_files 'snapshot.*'
}

# own FOLDER…: hands over what does not belong to the user yet.
own() {
  for dir in "$@"; do
    mkdir -p "$dir"
    find "$dir" ! -user "$ZOO_UID" -exec chown -h "$ZOO_UID:$ZOO_UID" {} + ||
      fail "cannot hand $dir to user $ZOO_UID: does this container lack the capability CHOWN?"
  done
}

[ -d "$ZK_HOME/lib" ] || fail "there is no ZooKeeper in $ZK_HOME"
java=java
[ -z "${JAVA_HOME:-}" ] || java=$JAVA_HOME/bin/java

mkdir -p "$ZOO_DATA_DIR"
write_config
write_id

set -- -XX:+ExitOnOutOfMemoryError
if from_old_version; then
  printf 'start-zk: the data is of ZooKeeper 3.4 and has no snapshot yet; its log is read whole\n'
  set -- "$@" -Dzookeeper.snapshot.trust.empty=true
else
  : >"$SEEN"
fi
for flag in ${JVMFLAGS:-} ${SERVER_JVMFLAGS:-}; do
  set -- "$@" "$flag"
done
# A mounted conf folder may have zoo.cfg alone; what it lacks comes with the image.
set -- "$java" "$@" -cp "$ZOOCFGDIR:$ZK_HOME/conf:$ZK_HOME/lib/*" \
  org.apache.zookeeper.server.quorum.QuorumPeerMain "$ZOOCFGDIR/zoo.cfg"

if [ "$(id -u)" -eq 0 ]; then
  own "$ZOO_DATA_DIR" ${ZOO_DATA_LOG_DIR:+"$ZOO_DATA_LOG_DIR"}
  [ -x "$SETPRIV" ] || fail "there is no $SETPRIV to give up root with"
  set -- "$SETPRIV" --reuid="$ZOO_UID" --regid="$ZOO_UID" --clear-groups --no-new-privs -- "$@"
fi
exec "$@"
