#!/bin/sh
# Runs a program of an old .qmail file as qmail-local(8) ran it: its environment, its folder, and
# what its exit code means. Called by pipe(8) with the program's number, the envelope sender and the
# local part. Written by unqmail.
set -u
LC_ALL=C
case $1 in '' | *[!0-9]*) exit 75 ;; esac
. "/etc/postfix/unqmail/pipes/$1" || exit 75
# Rehearsals run no program of the site.
if [ -e /run/unqmail-rehearsal ]; then
    cat > /dev/null
    exit 0
fi

SENDER=$2 NEWSENDER=$2 LOCAL=$prepend$3 HOST=$host USER=$user HOME=$home
RECIPIENT=$LOCAL@$HOST
# What stands behind the first bytes, or the first dashes, or before the last dots.
behind() { printf '%s' "$1" | cut -b "$(($2 + 1))-"; }
after_dash() { case $1 in *-*) printf '%s' "${1#*-}" ;; esac; }
EXT=$(behind "$LOCAL" "$extension_at")
EXT2=$(after_dash "$EXT") EXT3=$(after_dash "$EXT2") EXT4=$(after_dash "$EXT3")
HOST2=${HOST%.*} HOST3=${HOST2%.*} HOST4=${HOST3%.*}
RPLINE="Return-Path: <$SENDER>
"
DTLINE="Delivered-To: $RECIPIENT
"
UFLINE="From ${SENDER:-MAILER-DAEMON} $(date -u '+%a %b %e %H:%M:%S %Y')
"
export SENDER NEWSENDER LOCAL HOST USER HOME RECIPIENT EXT EXT2 EXT3 EXT4 HOST2 HOST3 HOST4
export RPLINE DTLINE UFLINE
if [ -n "$default_at" ]; then
    DEFAULT=$(behind "$EXT" "$default_at")
    export DEFAULT
fi
unset LC_ALL
cd "$folder" || exit 75

# What preline(1) put before the message: - for all three lines, else those that it left out.
case $preline in
'') /bin/sh -c "$command" ;;
*)
    {
        case $preline in *f*) ;; *) printf '%s' "$UFLINE" ;; esac
        case $preline in *r*) ;; *) printf '%s' "$RPLINE" ;; esac
        case $preline in *d*) ;; *) printf '%s' "$DTLINE" ;; esac
        cat
    } | /bin/sh -c "$command"
    ;;
esac
# The codes of qmail-command(8) in the words of sysexits.h.
case $? in
0 | 99) exit 0 ;;
100 | 64 | 65 | 70 | 76 | 77 | 78 | 112) exit 69 ;;
*) exit 75 ;;
esac
