#!/usr/bin/python3
"""Hands mail for LIST-word to Sympa. Called by Postfix's pipe(8): SENDER LIST@DOMAIN WORD.

Sympa has an address for some words; for the others it has a command, which is put in the place of
the message, because its text was never meant to be one. Written by unqmail.
"""

import email.parser
import email.policy
import email.utils
import os
import re
import subprocess
import sys
from email.message import EmailMessage

PROGRAMS = "/usr/lib/sympa/bin"
ROBOT = "/etc/sympa/{}/robot.conf"
EX_NOUSER, EX_TEMPFAIL = 67, 75

# Words that are addresses of Sympa's.
ADDRESSES = {
    "subscribe": "-subscribe", "unsubscribe": "-unsubscribe",
    "request": "-request", "owner": "-request", "editor": "-editor",
}
# Somebody's address behind a word: no byte that means something to anybody, and exactly one `=`.
OTHER = re.compile(r"(subscribe|unsubscribe)-([a-z0-9][a-z0-9._+-]*)=([a-z0-9][a-z0-9.-]*)")


def is_automatic(text):
    """Whether a program wrote it, which is not answered (RFC 3834)."""
    head = email.parser.BytesHeaderParser().parsebytes(text)
    precedence = (head.get("Precedence") or "").strip().lower()
    submitted = (head.get("Auto-Submitted") or "no").strip().lower()
    return precedence in ("bulk", "junk", "list") or not submitted.startswith("no")


def asking(sender, to, command):
    """A message that asks for something."""
    message = EmailMessage(policy=email.policy.SMTP.clone(linesep="\n"))
    message["From"], message["To"], message["Subject"] = f"<{sender}>", f"<{to}>", command
    message["Message-ID"], message["Date"] = email.utils.make_msgid(), email.utils.formatdate()
    message.set_content("")
    return f"Return-Path: <{sender}>\n".encode() + message.as_bytes()


def robot(domain):
    """The address that takes commands in a domain."""
    try:
        with open(ROBOT.format(os.path.basename(domain)), encoding="utf-8") as file:
            found = re.search(r"^email\s+(\S+)\s*$", file.read(), re.M)
    except FileNotFoundError:
        found = None
    return f"{found[1] if found else 'sympa'}@{domain}"


def hand_over(program, address, text):
    ran = subprocess.run([f"{PROGRAMS}/{program}", address], input=text)
    return EX_TEMPFAIL if ran.returncode else 0


def main(sender, address, word):
    text = sys.stdin.buffer.read()
    name, _, domain = address.partition("@")
    if word == "return":
        return hand_over("bouncequeue", address, text)
    # Nobody reads what comes back from Sympa's answers to commands.
    if word == "robot-return" or not sender:
        return 0
    if word == "robot-request":
        return hand_over("queue", f"listmaster@{domain}", text)
    if word in ("request", "owner", "editor"):
        return hand_over("queue", f"{name}{ADDRESSES[word]}@{domain}", text)
    if is_automatic(text):
        return 0
    other = OTHER.fullmatch(word)
    if word == "help":
        to = robot(domain)
        return hand_over("queue", to, asking(sender, to, "HELP"))
    if other:
        # Sympa asks whoever the request comes from.
        word, sender = other[1], f"{other[2]}@{other[3]}"
    if word not in ADDRESSES:
        return EX_NOUSER
    to = f"{name}{ADDRESSES[word]}@{domain}"
    return hand_over("queue", to, asking(sender, to, word) if other else text)


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:4]))
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(EX_TEMPFAIL)
