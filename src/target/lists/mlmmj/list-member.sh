#!/bin/sh
# Asks somebody whether he wants to join or leave a list, because a message came to
# LIST-subscribe-USER=HOST or its like. Called by Postfix's pipe(8): FOLDER WORD-USER=HOST.
# Written by unqmail.
set -eu
list=/var/spool/mlmmj/$1
case $2 in
    subscribe-digest-*) program=mlmmj-sub digest=-d who=${2#subscribe-digest-} ;;
    unsubscribe-digest-*) program=mlmmj-unsub digest=-d who=${2#unsubscribe-digest-} ;;
    subscribe-*) program=mlmmj-sub digest='' who=${2#subscribe-} ;;
    unsubscribe-*) program=mlmmj-unsub digest='' who=${2#unsubscribe-} ;;
    *) exit 67 ;; # EX_NOUSER
esac
# No byte that means something to anybody, and exactly one `=`.
case $who in *[!a-z0-9._+=-]* | -* | =* | *= | *=-* | *=*=*) exit 67 ;; *=*) ;; *) exit 67 ;; esac
[ ! -e "$list/control/closedlist" ] || exit 67
if [ $program = mlmmj-sub ] && [ -e "$list/control/closedlistsub" ]; then exit 67; fi
ask=-C
[ ! -e "$list/control/nosubconfirm" ] || ask=-c
exec /usr/bin/$program -L "$list" -a "${who%=*}@${who##*=}" $ask $digest
