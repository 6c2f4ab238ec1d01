"""What Mailman's REST interface cannot do, or only slowly, done by `mailman shell`. Written by unqmail."""

import functools
import json
import os

from mailman.config import config
from mailman.interfaces.action import Action
from mailman.interfaces.member import AlreadySubscribedError, DeliveryMode, MemberRole
from mailman.interfaces.usermanager import IUserManager
from mailman.model.address import Address
from mailman.model.bans import Ban
from mailman.model.member import Member
from mailman.model.preferences import Preferences
from mailman.model.user import User
from mailman.utilities.datetime import now
from zope.component import getUtility

# So many people join in one transaction: other parts of Mailman wait for its end.
BATCH = 500


@functools.lru_cache(maxsize=None)
def by_list(path):
    """The records of each list in a file."""
    lists = {}
    with open(path, encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            lists.setdefault(record["list_id"], []).append(record)
    return lists


def carry_on(mlist, folder):
    """The number of the next post, and the people who are not there yet."""
    for record in by_list(os.path.join(folder, "lists.jsonl")).get(mlist.list_id, []):
        # Or a later one, if it has one.
        if mlist.post_id < record["post_id"]:
            mlist.post_id = record["post_id"]
            print(f'{mlist.fqdn_listname}: the next post is number {record["post_id"]}')
    people = by_list(os.path.join(folder, "joining.jsonl")).get(mlist.list_id, [])
    for at in range(0, len(people), BATCH):
        join_all(mlist, people[at:at + BATCH])
        config.db.commit()


def join_all(mlist, people):
    store = config.db.store
    emails = [record["email"].lower() for record in people]
    known = {email for (email,) in store.query(Address.email).filter(Address.email.in_(emails))}
    if store.query(Ban).first() is not None:
        known.update(emails)
    for record, email in zip(people, emails):
        if email in known:
            join(mlist, record)
        else:
            with store.no_autoflush:
                store.add_all(newcomer(mlist, record))
        known.add(email)


def newcomer(mlist, record):
    """The same as join for somebody whom Mailman does not know and whom no ban can mean. Most of the
    time of join are questions whose answer is known then."""
    role, name = MemberRole[record["role"]], record.get("display_name") or ""
    address, user = Address(record["email"], name), User(name, Preferences())
    address.preferences = Preferences()
    user.link(address)
    member = Member(role=role, list_id=mlist.list_id, subscriber=address)
    member.preferences = Preferences()
    if role is MemberRole.member:
        address.verified_on = now()
        settle(member, record)
    return address, user, member


def settle(member, record):
    member.preferences.delivery_mode = DeliveryMode[record["delivery_mode"]]
    if record.get("moderation_action"):
        member.moderation_action = Action[record["moderation_action"]]


def join(mlist, record):
    """Takes somebody in as the REST interface does, who is asked nothing and told nothing."""
    email, role = record["email"], MemberRole[record["role"]]
    user = getUtility(IUserManager).make_user(email, record.get("display_name") or "")
    address = next(own for own in user.addresses if own.email == email.lower())
    if role is MemberRole.member:
        address.verified_on = address.verified_on or now()
    try:
        member = mlist.subscribe(address, role, send_welcome_message=False)
    except AlreadySubscribedError:
        return
    if role is not MemberRole.member:
        return
    settle(member, record)
    nonmember = mlist.nonmembers.get_member(address.email)
    if nonmember is not None:
        nonmember.unsubscribe()
