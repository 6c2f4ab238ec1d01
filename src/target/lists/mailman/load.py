#!/usr/bin/python3
"""Gives Mailman 3 the lists of the old server. Written by unqmail; run it as root.

Reads lists.jsonl and members.jsonl beside this script and brings Mailman to that state over its REST
interface; post numbers by `mailman shell`. Run again, it carries over what has changed in the files
since it last ran, and leaves alone what Mailman or its people have changed meanwhile. Nobody is sent
a welcome or a farewell. With --archives DIR it also writes the old posts of each list as one mbox.
"""

import argparse
import base64
import configparser
import email.utils
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

KIT = os.path.dirname(os.path.realpath(__file__))
CONFIG = "/etc/mailman3/mailman.cfg"
TEXTS = os.path.join(KIT, "texts")
STATE = "/var/lib/unqmail/mailman-loaded.json"
MAILMAN_USER = "list"
PAGE = 1000


class Failure(Exception):
    """Something that a person has to look at."""


class Mailman:
    """The REST interface of a running Mailman."""

    def __init__(self, config):
        settings = configparser.ConfigParser(interpolation=None, strict=False)
        if not settings.read(config):
            raise Failure(f"{config} cannot be read")
        web = settings["webservice"] if "webservice" in settings else {}
        self.host = web.get("hostname", "localhost")
        self.port = int(web.get("port", "8001"))
        secret = f'{web.get("admin_user", "restadmin")}:{web.get("admin_pass", "restpass")}'
        self.headers = {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}
        self.connection = None

    def ask(self, method, path, body=None, accepted=()):
        """The answer of Mailman, decoded; None for one of the accepted error states."""
        data, headers = None, self.headers
        if body is not None:
            data, headers = json.dumps(body), {**headers, "Content-Type": "application/json"}
        for attempt in (1, 2):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection(self.host, self.port, timeout=120)
                self.connection.request(method, "/3.1/" + path, data, headers)
                answer = self.connection.getresponse()
                text = answer.read()
                break
            except (http.client.HTTPException, ConnectionError) as error:
                # The server closes a connection when it likes.
                self.connection = None
                if attempt == 2:
                    raise Failure(f"Mailman does not answer on {self.host}:{self.port}: {error}")
        if answer.status in accepted:
            return None
        if answer.status >= 400:
            said = text.decode("utf-8", "replace")[:500]
            raise Failure(f"{method} {path}: {answer.status} {said}")
        return json.loads(text) if text.strip() else {}

    def entries(self, path):
        """All entries of a collection, page after page."""
        number = 1
        while True:
            page = self.ask("GET", f"{path}?count={PAGE}&page={number}").get("entries", [])
            yield from page
            if len(page) < PAGE:
                return
            number += 1


def quoted(word):
    return urllib.parse.quote(word, safe="")


def records(name):
    with open(os.path.join(KIT, name), encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def by_list(members):
    """The members of each list by role and address."""
    lists = {}
    for member in members:
        key = (member["role"], member["email"].lower())
        lists.setdefault(member["list_id"], {})[key] = member
    return lists


def check_settings(mailman):
    """Who has posted must be told as ezmlm told it, or lists would be open to forged headers."""
    found = mailman.ask("GET", "system/configuration/mailman").get("sender_headers", "")
    if found.split() != ["from_"]:
        raise Failure(
            f"sender_headers is `{found}` in Mailman: put the settings of {KIT}/mailman.cfg into "
            f"{CONFIG} and restart Mailman"
        )


def load_list(mailman, record):
    """The list with its settings and header rules."""
    host, name = record["mail_host"], quoted(record["list_id"])
    if mailman.ask("GET", f"domains/{quoted(host)}", accepted=(404,)) is None:
        mailman.ask("POST", "domains", {"mail_host": host})
    if mailman.ask("GET", f"lists/{name}", accepted=(404,)) is None:
        body = {"fqdn_listname": record["fqdn_listname"], "style_name": "legacy-default"}
        mailman.ask("POST", "lists", body)
    # An empty list is told as an empty text.
    config = {key: "" if value == [] else value for key, value in record["config"].items()}
    mailman.ask("PATCH", f"lists/{name}/config", config)
    mailman.ask("DELETE", f"lists/{name}/header-matches")
    for rule in record["header_matches"]:
        mailman.ask("POST", f"lists/{name}/header-matches", rule)
    # Mailman reads the texts of a list from a place that it is told.
    # The footer also if it is empty: else Mailman's own would stand there.
    footer = write_template(record["list_id"], "footer", record["footer"])
    uris = {"list:member:regular:footer": footer, "list:member:digest:footer": footer}
    for template, text in record["texts"].items():
        uris[template] = write_template(record["list_id"], template, text)
    mailman.ask("PATCH", f"lists/{name}/uris", uris)


def write_template(list_id, template, text):
    """Writes a text of a list; returns the place that Mailman is told."""
    os.makedirs(TEXTS, exist_ok=True)
    path = os.path.join(TEXTS, list_id + "." + template.replace(":", "-"))
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path + ".new", 0o644)
    os.rename(path + ".new", path)
    return "file://" + urllib.parse.quote(path, safe="/")


def load_members(mailman, list_id, wanted, before):
    """Brings the people of one list from what was loaded before to what is wanted now. Tells how many
    it has changed, and who is to join."""
    changed = {key: member for key, member in wanted.items() if before.get(key) != member}
    gone = [key for key in before if key not in wanted]
    there, joining, done = {}, [], 0
    for role in sorted({role for role, _ in [*changed, *gone]}):
        for entry in mailman.entries(f"lists/{quoted(list_id)}/roster/{role}"):
            there[role, entry["email"].lower()] = entry
    for key, member in changed.items():
        if key in there:
            done += load_member(mailman, member, there[key])
        else:
            joining.append(member)
    for key in gone:
        if key in there:
            remove(mailman, there[key])
            done += 1
    return done, joining


def load_member(mailman, member, entry):
    """Changes somebody who is there; tells whether there was something to change."""
    mode, action = member.get("delivery_mode"), member.get("moderation_action")
    changes = {}
    if mode and entry.get("delivery_mode") != mode:
        changes["delivery_mode"] = mode
    if member["role"] == "member" and entry.get("moderation_action") != action:
        changes["moderation_action"] = action or ""
    if changes:
        patch(mailman, entry, changes)
    return int(bool(changes))


def patch(mailman, entry, changes):
    mailman.ask("PATCH", f'members/{quoted(str(entry["member_id"]))}', changes)


def remove(mailman, entry):
    body = {"pre_confirmed": True, "pre_approved": True} if entry["role"] == "member" else None
    mailman.ask("DELETE", f'members/{quoted(str(entry["member_id"]))}', body)


def work_inside(joining):
    """What goes by `mailman shell`. Lists and people are told by files, not by words."""
    with tempfile.TemporaryDirectory() as folder:
        # Mailman's user may not read what lies beside this script, and nobody else shall.
        os.chmod(folder, 0o700)
        for name in ("lists.jsonl", "inside.py"):
            with open(os.path.join(KIT, name), "rb") as source:
                with open(os.path.join(folder, name), "wb") as copy:
                    copy.write(source.read())
        with open(os.path.join(folder, "joining.jsonl"), "w", encoding="utf-8") as lines:
            lines.writelines(json.dumps(member) + "\n" for member in joining)
        for name in os.listdir(folder):
            shutil.chown(os.path.join(folder, name), MAILMAN_USER)
        shutil.chown(folder, MAILMAN_USER)
        command = ["mailman", "shell", "--run", "inside.carry_on", "--listspec", "^.", folder]
        environment = {**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        ran = subprocess.run(
            command, user=MAILMAN_USER, group=MAILMAN_USER, extra_groups=[], cwd=folder,
            env=environment, stdin=subprocess.DEVNULL,
        )
    if ran.returncode != 0:
        raise Failure("`mailman shell` failed; some people or post numbers are not in Mailman")


def write_archive(record, folder):
    """The posts of a list in the order of their numbers, as mbox; None if there are none."""
    try:
        numbers = sorted(int(name) for name in os.listdir(record["archive"]) if name.isdecimal())
    except FileNotFoundError:
        return None
    if not numbers:
        return None
    path = os.path.join(folder, record["list_id"] + ".mbox")
    with open(path + ".new", "wb") as mbox:
        for number in numbers:
            with open(os.path.join(record["archive"], str(number)), "rb") as post:
                append(mbox, post, os.fstat(post.fileno()).st_mtime)
    os.rename(path + ".new", path)
    return path


def append(mbox, post, modified):
    """One post: its bytes, and a `>` before each line that could be taken for the next `From `."""
    head = []
    for line in post:
        if not line.strip():
            break
        head.append(line)
    post.seek(0)
    mbox.write(b"From %s %s\n" % (sender(head), date(head, modified)))
    line = b""
    for line in post:
        mbox.write(re.sub(rb"^(>*From )", rb">\1", line))
    mbox.write(b"\n" if line.endswith(b"\n") else b"\n\n")


def sender(head):
    """The envelope sender, which ezmlm wrote on the first line."""
    found = re.match(rb"return-path:\s*<?([!-;=?-~]+)>?\s*$", head[0] if head else b"", re.I)
    return found[1] if found else b"MAILER-DAEMON"


def date(head, modified):
    """When the post came, in UTC as asctime(3) writes it: from the top Received:, else from Date:."""
    fields = re.sub(rb"\n[ \t]+", b" ", b"".join(head)).splitlines()
    texts = [line.rpartition(b";")[2] for line in fields if line.lower().startswith(b"received:")][:1]
    texts += [line.partition(b":")[2] for line in fields if line.lower().startswith(b"date:")]
    when = modified
    for text in texts:
        parsed = email.utils.parsedate_tz(text.decode("ascii", "replace"))
        if parsed is not None:
            try:
                when = email.utils.mktime_tz(parsed)
                break
            except (ValueError, OverflowError):
                continue
    parts = email.utils.formatdate(when, usegmt=True).replace(",", "").split()
    weekday, day, month, year, time = parts[:5]
    return f"{weekday} {month} {int(day):2} {time} {year}".encode()


def remembered(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {"lists": [], "members": []}


def remember(path, lists, members):
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"lists": lists, "members": members}, file)
    os.rename(path + ".new", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("--config", default=CONFIG, help="Mailman's settings (default %(default)s)")
    parser.add_argument("--state", default=STATE, help="what was loaded (default %(default)s)")
    parser.add_argument("--archives", metavar="DIR", help="also write DIR/LIST-ID.mbox of old posts")
    options = parser.parse_args()
    lists, members = records("lists.jsonl"), records("members.jsonl")
    before = remembered(options.state)
    old_lists = {record["list_id"]: record for record in before["lists"]}
    old_members, new_members = by_list(before["members"]), by_list(members)
    mailman = Mailman(options.config)
    check_settings(mailman)
    changed_lists = changed_members = 0
    counts, joining = False, []
    for record in lists:
        name = record["list_id"]
        old = old_lists.get(name, {})
        if any(old.get(part) != record[part] for part in ("config", "header_matches", "footer", "texts")):
            load_list(mailman, record)
            changed_lists += 1
        counts |= old.get("post_id") != record["post_id"]
        done, people = load_members(
            mailman, name, new_members.get(name, {}), old_members.get(name, {})
        )
        changed_members += done + len(people)
        joining += people
    if counts or joining:
        work_inside(joining)
    remember(options.state, lists, members)
    if options.archives:
        os.makedirs(options.archives, mode=0o700, exist_ok=True)
        for record in lists:
            path = write_archive(record, options.archives)
            if path:
                print(f'{path}: hyperkitty_import -l {record["fqdn_listname"]} takes it')
    print(f"{changed_lists} lists and {changed_members} members were loaded or changed")


if __name__ == "__main__":
    try:
        main()
    except (Failure, OSError) as error:
        sys.exit(f"load: {error}")
