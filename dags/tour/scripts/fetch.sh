#!/bin/sh
# Stands for a program of yours. It sees PATH, HOME, its own `env` and the facts of the run; nothing of the server's.
echo "at most $LIMIT orders, $MODE, with $*"
env | grep '^DAYBREAK_' | sort
