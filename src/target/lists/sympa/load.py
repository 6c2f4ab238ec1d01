#!/usr/bin/python3
"""Gives Sympa the lists of the old server. Written by unqmail; run it as root.

Reads robots.jsonl, lists.jsonl and members.jsonl beside this script, puts the folders of lists where
Sympa looks, and has `sympa restore` take in people. Run again, it carries over what has changed in
the files since it last ran, and leaves alone what Sympa or its people have changed meanwhile. Nobody
is sent a welcome or a farewell. Old posts go into Sympa's archive under their numbers; with --pages
Sympa's archived is asked to make web pages of them.
"""

import argparse
import contextlib
import email.utils
import json
import os
import pwd
import re
import subprocess
import sys
import time

KIT = os.path.dirname(os.path.realpath(__file__))
CONFIGS = ("/etc/sympa/sympa/sympa.conf", "/etc/sympa/sympa.conf")
ROBOTS = "/etc/sympa"
STATE = "/var/lib/unqmail/sympa-loaded.json"
NEEDED = {"sender_headers": "Return-Path", "return_path_suffix": "-return"}
ROLES = ("member", "owner", "editor")


class Failure(Exception):
    """Something that a person has to look at."""


class Sympa:
    """Sympa's settings, its user, and its program."""

    def __init__(self):
        path = next((path for path in CONFIGS if os.path.exists(path)), None)
        if path is None:
            raise Failure("Sympa is not installed: it has no sympa.conf")
        with open(path, encoding="utf-8") as lines:
            words = [line.split(None, 1) for line in lines if line[:1].isalpha()]
        settings = {word[0]: word[1].strip() for word in words if len(word) == 2}
        for name, value in NEEDED.items():
            if settings.get(name) != value:
                raise Failure(f"put the settings of {KIT}/sympa.conf into {path}")
        self.lists = settings.get("home", "/var/lib/sympa/list_data")
        self.archives = settings.get("arc_path", "/var/lib/sympa/arc")
        self.user = pwd.getpwnam("sympa")

    @contextlib.contextmanager
    def owner(self):
        """Files are made with Sympa's own rights: its folders are not root's."""
        os.setegid(self.user.pw_gid)
        os.seteuid(self.user.pw_uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)

    def run(self, *words, text=""):
        ran = subprocess.run(
            ["sympa", *words], user="sympa", group="sympa", extra_groups=[], cwd="/",
            input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        if ran.returncode != 0:
            raise Failure(f'`sympa {" ".join(words)}` failed: {ran.stdout[-1000:]}')

    def folder(self, name):
        """The folder of a list LIST@DOMAIN."""
        local, _, domain = name.partition("@")
        return os.path.join(self.lists, domain, local)


def records(name):
    with open(os.path.join(KIT, name), encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def by_list(members):
    """The people of each list by role and address."""
    lists = {}
    for member in members:
        people = lists.setdefault(member["list"], {})
        people[member["role"], member["email"]] = member
    return lists


def mode(member):
    """The way of delivery."""
    return member.get("reception", "mail")


def entry(member, now):
    """Somebody as `sympa restore` reads it; a name is one line."""
    lines = [
        f'email {member["email"]}', f"reception {mode(member)}", "subscribed 1",
        f'date {member.get("date") or now}',
    ]
    if member.get("name"):
        lines.append(f'gecos {member["name"]}')
    return "\n".join(lines)


def write(path, text, mode=0o640):
    """A whole file or none, in a folder that is made where it is not there."""
    os.makedirs(os.path.dirname(path), mode=0o771, exist_ok=True)
    data = text if isinstance(text, bytes) else text.encode()
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
    os.rename(path + ".new", path)


def load_robot(sympa, record):
    """The domain, unless Sympa has it already."""
    with sympa.owner():
        path = os.path.join(ROBOTS, record["domain"], "robot.conf")
        if not os.path.exists(path):
            write(path, f'domain {record["domain"]}\nemail {record["email"]}\n')
        os.makedirs(os.path.join(sympa.lists, record["domain"]), mode=0o771, exist_ok=True)


def load_list(sympa, record, before):
    """The folder of a list; files that it had by this script and has no more are removed."""
    folder = sympa.folder(record["list"])
    with sympa.owner():
        for name, text in record["files"].items():
            write(os.path.join(folder, name), text)
        for name in before:
            if name not in record["files"]:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(folder, name))


def carry_on_counting(sympa, record):
    """The next post gets the number behind the last, or a later one."""
    path = os.path.join(sympa.folder(record["list"]), "stats")
    with sympa.owner():
        try:
            with open(path, encoding="ascii") as file:
                counts = file.read().split()
        except FileNotFoundError:
            counts = []
        counts = (counts + ["0"] * 4)[:4]
        if int(counts[0]) < record["last_post"]:
            write(path, " ".join([str(record["last_post"]), *counts[1:]]) + "\n")


def dumped(sympa, name):
    """The people that `sympa dump` has told, by role and address: the lines about each."""
    people = {}
    for role in ROLES:
        path = os.path.join(sympa.folder(name), f"{role}.dump")
        try:
            with sympa.owner(), open(path, encoding="utf-8", errors="replace") as file:
                paragraphs = file.read().split("\n\n")
        except FileNotFoundError:
            continue
        for paragraph in paragraphs:
            found = re.search(r"^email (\S+)$", paragraph, re.M)
            if found:
                people[role, found[1].lower()] = paragraph.strip("\n")
    return people


def load_people(sympa, lists, wanted, before):
    """Brings people from what was loaded before to what is wanted now, and counts the changes.

    `sympa restore` adds members, and puts owners and editors in the place of those who are there; so
    the files name new members, and all owners and editors.
    """
    changed = [name for name in lists if wanted.get(name, {}) != before.get(name, {})]
    if not changed:
        return 0
    sympa.run("dump", "--roles=" + ",".join(ROLES), "*")
    done, now = 0, int(time.time())
    for name in lists:
        new, old, there = wanted.get(name, {}), before.get(name, {}), dumped(sympa, name)
        gone = {key for key in old if key not in new and key in there}
        # Whom Sympa lacks although he was loaded has left since; another way of delivery is news.
        added = {
            key for key, member in new.items()
            if (key not in there and key not in old)
            or (key in there and mode(old.get(key, member)) != mode(member))
        }
        left = [key[1] for key in gone | (added & set(there)) if key[0] == "member"]
        if left:
            sympa.run("del", "--quiet", "--force", name, text="".join(f"{it}\n" for it in left))
        done += len(gone) + len(added)
        for role in ROLES:
            keys = [key for key in there if key[0] == role and role != "member" and key not in gone]
            people = [there[key] for key in keys]
            people += [entry(new[key], now) for key in sorted(added) if key[0] == role]
            with sympa.owner():
                path = os.path.join(sympa.folder(name), f"{role}.dump")
                write(path, "".join(paragraph + "\n\n" for paragraph in people))
    if done:
        sympa.run("restore", "--roles=" + ",".join(ROLES), "*")
    for name in lists:
        with sympa.owner():
            for role in ROLES:
                for end in (".dump", ".dump.old"):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(os.path.join(sympa.folder(name), role + end))
    return done


def load_archive(sympa, record, last):
    """Old posts behind the last that was loaded; the number of the newest."""
    try:
        numbers = sorted(int(name) for name in os.listdir(record["archive"]) if name.isdecimal())
    except FileNotFoundError:
        return last
    months = os.path.join(sympa.archives, record["list"])
    for number in numbers:
        if number <= last:
            continue
        with open(os.path.join(record["archive"], str(number)), "rb") as post:
            text, modified = post.read(), os.fstat(post.fileno()).st_mtime
        month = time.strftime("%Y-%m", time.localtime(date(text, modified)))
        with sympa.owner():
            write(os.path.join(months, month, "arctxt", str(number)), text)
            # Sympa counts on from here.
            write(os.path.join(months, month, "index"), f"{number}\n")
        last = number
    return last


def date(text, modified):
    """When the post came: from the top Received:, else from Date:."""
    head = re.split(rb"\r?\n\r?\n", text, maxsplit=1)[0]
    fields = re.sub(rb"\r?\n[ \t]+", b" ", head).splitlines()
    texts = [line.rpartition(b";")[2] for line in fields if line.lower().startswith(b"received:")][:1]
    texts += [line.partition(b":")[2] for line in fields if line.lower().startswith(b"date:")]
    for text in texts:
        parsed = email.utils.parsedate_tz(text.decode("ascii", "replace"))
        if parsed is not None:
            with contextlib.suppress(ValueError, OverflowError):
                return email.utils.mktime_tz(parsed)
    return modified


def remembered():
    try:
        with open(STATE, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {"lists": {}, "members": [], "archives": {}}


def remember(state):
    os.makedirs(os.path.dirname(STATE), mode=0o700, exist_ok=True)
    write(STATE, json.dumps(state), 0o600)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument("--pages", action="store_true", help="also make web pages of old posts")
    options = parser.parse_args()
    os.umask(0o027)
    lists, members = records("lists.jsonl"), records("members.jsonl")
    before, sympa = remembered(), Sympa()
    for record in records("robots.jsonl"):
        load_robot(sympa, record)
    changed = 0
    archives = dict(before["archives"])
    for record in lists:
        name = record["list"]
        old = before["lists"].get(name, {})
        if old != record["files"]:
            load_list(sympa, record, old)
            changed += 1
        carry_on_counting(sympa, record)
        archives[name] = load_archive(sympa, record, archives.get(name, 0))
    if changed:
        sympa.run("reload_list_config")
    names = [record["list"] for record in lists]
    people = load_people(sympa, names, by_list(members), by_list(before["members"]))
    files = {record["list"]: record["files"] for record in lists}
    remember({"lists": files, "members": members, "archives": archives})
    for name in names:
        if options.pages and archives[name] > before["archives"].get(name, 0):
            sympa.run("rebuildarc", name)
    print(f"{changed} lists and {people} members were loaded or changed")


if __name__ == "__main__":
    try:
        main()
    except (Failure, OSError) as error:
        sys.exit(f"load: {error}")
