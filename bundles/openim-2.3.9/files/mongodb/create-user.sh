#!/usr/bin/env bash
# Runs once, when the database is made: creates the server's own user. The image's entry point calls
# it while MongoDB listens on 127.0.0.1 alone.
set -eu

# As a JavaScript string, whatever characters the value has.
quoted() {
  jq --null-input --arg value "$1" '$value'
}

# The user exists in two databases, like root in OpenIM's own setup: the server names `admin` as the one
# to log in at, other programs the one that they use.
mongo --quiet --host 127.0.0.1 admin <<JS
if (!db.auth($(quoted "$MONGO_INITDB_ROOT_USERNAME"), $(quoted "$MONGO_INITDB_ROOT_PASSWORD"))) quit(1);
["admin", $(quoted "$MONGO_INITDB_DATABASE")].forEach(function (home) {
  db.getSiblingDB(home).createUser({
    user: $(quoted "$OPENIM_MONGO_USERNAME"),
    pwd: $(quoted "$OPENIM_MONGO_PASSWORD"),
    roles: [{ role: "dbOwner", db: $(quoted "$MONGO_INITDB_DATABASE") }]
  });
});
JS
