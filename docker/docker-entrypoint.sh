#!/bin/sh
# As nats-server's image: flags alone are flags of the server, and whatever else is called for is run.
set -e
if [ "$#" -eq 0 ] || [ "${1#-}" != "$1" ]; then
  set -- nats-server "$@"
fi
exec "$@"
