"""What Mailman's REST interface cannot do, or only slowly, done by `mailman shell`. Written by unqmail."""

import functools
import json
import os

from mailman.config import config
from mailman.interfaces.action import Action
from mailman.interfaces.member import AlreadySubscribedError, DeliveryMode, MemberRole
from mailman.interfaces.usermanager import IUserManager
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
    for number, record in enumerate(people, 1):
        join(mlist, record)
        if number % BATCH == 0:
            config.db.commit()
    config.db.commit()


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
    member.preferences.delivery_mode = DeliveryMode[record["delivery_mode"]]
    if record.get("moderation_action"):
        member.moderation_action = Action[record["moderation_action"]]
    nonmember = mlist.nonmembers.get_member(address.email)
    if nonmember is not None:
        nonmember.unsubscribe()
