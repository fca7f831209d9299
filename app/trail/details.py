"""What a line of the audit trail says about a change, beside the object.

A line never has an address, because nobody can change it when the account is deleted. It has ids instead.
"""

from __future__ import annotations

import re

_ACCOUNT = re.compile(r"( of)? account ([0-9a-f-]{36})")


def changed(name: str, value: object, before: object) -> str:
    """Return the new value of something, and the earlier one where it was another one."""
    return f"{name} {value}" if value == before else f"{name} {value}, before {before}"


def share(share_id: str, account_id: str | None) -> str:
    """Return whom a study is shared with: the id of the share, and of the account where there is one."""
    return f"share {share_id}" + (f" of account {account_id}" if account_id is not None else "")


def without_others(detail: str, person_id: str) -> str:
    """Return a detail as a person may see it who is no admin, without the ids of the accounts of others.

    Parameters
    ----------
    detail, person_id : str
    """

    def replaced(found: re.Match[str]) -> str:
        if found[2] == person_id:
            return found[0]
        # whether the address of a share has an account is told to nobody but admins
        return "" if found[1] else " account of somebody else"

    return _ACCOUNT.sub(replaced, detail)
