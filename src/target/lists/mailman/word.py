#!/usr/bin/python3
"""Hands mail for LIST-word to Mailman. Called by Postfix's pipe(8): SENDER LIST@DOMAIN WORD.

Mailman has an address for some words; for the others it has a command, which is put in the place of
the message, because its text was never meant to be one. Written by unqmail.
"""

import email.parser
import email.policy
import re
import smtplib
import sys
from email.message import EmailMessage

SERVER = ("127.0.0.1", 8024)
EX_NOUSER, EX_UNAVAILABLE, EX_TEMPFAIL = 67, 69, 75

# Words that are addresses of Mailman's.
ADDRESSES = {
    "subscribe": "join", "unsubscribe": "leave", "unsubscribe-digest": "leave",
    "join": "join", "leave": "leave", "request": "request", "owner": "owner",
}
# Words for which it has a command.
COMMANDS = {"help": "help", "subscribe-digest": "join digest=mime"}
# Somebody's address behind a word: no byte that means something to anybody, and exactly one `=`.
OTHER = re.compile(r"(subscribe|unsubscribe)(-digest)?-([a-z0-9][a-z0-9._+-]*)=([a-z0-9][a-z0-9.-]*)")
# Words with a part that Mailman made: addresses of its own too.
MADE = re.compile(r"(bounces|confirm)(\+[!-~]*)?")


def command_of(word):
    """What is asked, and for whom, as a command of Mailman's; None for a word that is none."""
    if word in COMMANDS:
        return COMMANDS[word]
    other = OTHER.fullmatch(word)
    if not other or other[1] == "unsubscribe":
        return None
    mode = "digest=mime " if other[2] else ""
    return f"join {mode}address={other[3]}@{other[4]}"


def is_automatic(head):
    """Whether a program wrote it, which is not answered (RFC 3834)."""
    precedence = (head.get("Precedence") or "").strip().lower()
    submitted = (head.get("Auto-Submitted") or "no").strip().lower()
    return precedence in ("bulk", "junk", "list") or not submitted.startswith("no")


def asking(sender, to, command):
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"], message["Subject"] = f"<{sender}>", f"<{to}>", command
    message.set_content("")
    return message.as_bytes()


def main(sender, own, word):
    name, _, domain = own.partition("@")
    # Mailman's server takes a text without CR for one line, and refuses long ones.
    text = re.sub(rb"\r?\n", b"\r\n", sys.stdin.buffer.read())
    address = ADDRESSES.get(word) or (word if MADE.fullmatch(word) else None)
    other, command = OTHER.fullmatch(word), command_of(word)
    head = email.parser.BytesHeaderParser().parsebytes(text)
    if address is None and (not sender or is_automatic(head)):
        return 0
    if other and other[1] == "unsubscribe":
        # Mailman asks whoever the request comes from.
        sender, address = f"{other[3]}@{other[4]}", "leave"
        text = asking(sender, f"{name}-leave@{domain}", "leave")
    elif address is None and command:
        address = "request"
        text = asking(sender, f"{name}-request@{domain}", command)
    if address is None:
        return EX_NOUSER
    try:
        with smtplib.LMTP(*SERVER) as server:
            server.sendmail(sender, [f"{name}-{address}@{domain}"], text)
    except smtplib.SMTPRecipientsRefused:
        return EX_NOUSER
    except smtplib.SMTPResponseException as error:
        return EX_UNAVAILABLE if 500 <= error.smtp_code < 600 else EX_TEMPFAIL
    except (OSError, smtplib.SMTPException):
        return EX_TEMPFAIL
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
