"""What Mailman's REST interface cannot set, set by `mailman shell`. Written by unqmail."""

import functools
import json


@functools.lru_cache(maxsize=None)
def numbers(path):
    with open(path, encoding="utf-8") as lines:
        return {record["list_id"]: record["post_id"] for record in map(json.loads, lines)}


def carry_on(mlist, path):
    """The next post of a list gets the number that the file has for it, or a later one."""
    wanted = numbers(path).get(mlist.list_id, 0)
    if mlist.post_id < wanted:
        mlist.post_id = wanted
        print(f"{mlist.fqdn_listname}: the next post is number {wanted}")
