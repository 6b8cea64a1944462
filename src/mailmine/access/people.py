"""Who may change whom: the rules by which users are shown, given permissions and removed, for the API and the pages."""

import dataclasses
import re
from collections.abc import Mapping

from sqlalchemy import Connection as Transaction

from mailmine.access.permissions import Identity, Permission
from mailmine.store import sessions, users
from mailmine.store.users import User

USERNAME = re.compile(r"[A-Za-z0-9_.@-]{1,256}", re.ASCII)
SHORTEST_PASSWORD = 12
"""Characters (NIST SP 800-63B asks for 15 where a password is all, and for at least 8)."""

LONGEST_PASSWORD = 1_000
"""Characters: the sign-in takes no more."""

Given = Mapping[str, frozenset[str]]
"""Permissions by the name of the project."""


class NotAllowed(Exception):
    """He may not do that; the message says why, and who may."""


def sees(identity: Identity, user: User, permission: Permission = Permission.USERS_READ) -> bool:
    """Whether a user exists for who asks: they share a project in which he has `permission`."""
    if identity.administers_projects or user.id == identity.user_id:
        return True
    given = user.project_permissions
    if not given:
        return identity.may_anywhere(permission)
    return any(identity.may(permission, project) for project in given)


def may_write(identity: Identity) -> bool:
    """Whether there are users that he may change."""
    return identity.administers_projects or identity.may_anywhere(Permission.USERS_WRITE)


def with_projects(identity: Identity, user: User, given: Given) -> User:
    """Put permissions in the place of those before, project by project.

    Who administers users in a project gives only what he has there himself; administrators give everything. Raises NotAllowed.
    """
    after = dict(user.project_permissions)
    for project, names in given.items():
        changed = names ^ after.get(project, frozenset())
        own = identity.project_permissions.get(project, frozenset())
        is_own = Permission.USERS_WRITE in own and changed <= own
        if changed and not (identity.administers_projects or is_own):
            raise NotAllowed(
                f"In the project {project} you may give and take only permissions that you have, and none "
                f"without {Permission.USERS_WRITE}."
            )
        if names:
            after[project] = names
        else:
            after.pop(project, None)
    return dataclasses.replace(user, project_permissions=after)


def with_global(identity: Identity, user: User, given: frozenset[str]) -> User:
    """Put what may be done everywhere in the place of what was before. Raises NotAllowed."""
    if given != user.global_permissions and not identity.is_root:
        raise NotAllowed("Only an administrator gives and takes permissions of the whole tenant.")
    return dataclasses.replace(user, global_permissions=given)


def check_is_his_to_run(identity: Identity, user: User) -> None:
    """Make sure that he may remove `user` or switch him off. Raises NotAllowed."""
    if identity.is_root:
        return
    beyond = any(
        not identity.may(Permission.USERS_WRITE, project) for project in user.project_permissions
    )
    if user.global_permissions or beyond:
        raise NotAllowed(
            f"{user.username} may do things where you administer no users: ask an administrator."
        )


def check_may_give_password(identity: Identity, user: User, *, is_linked: bool) -> None:
    """Make sure that he may give `user` a password, with which he could do what `user` may. Raises NotAllowed.

    `is_linked`: `user` signs in by a provider, whose groups may give him more any day; and he would not notice that somebody
    else signs in as him by a password.
    """
    check_is_his_to_run(identity, user)
    if user.id == identity.user_id:
        raise NotAllowed(
            "Change your own password on the page of your account: it asks for the old one."
        )
    if is_linked and not identity.is_root:
        raise NotAllowed(
            f"{user.username} signs in by a provider: ask an administrator for a password."
        )
    beyond = any(
        not given <= identity.project_permissions.get(project, frozenset())
        for project, given in user.project_permissions.items()
    )
    if beyond and not identity.is_root:
        raise NotAllowed(
            f"{user.username} may do things that you may not: ask an administrator for the password."
        )


def switch(tx: Transaction, user: User, *, is_enabled: bool) -> User:
    """Let a user in, or no longer: then his sessions end and his tokens do not work."""
    after = dataclasses.replace(user, is_enabled=is_enabled)
    users.save(tx, after)
    if not is_enabled:
        sessions.remove_of_user(tx, user.id)
    return after


def save_password(tx: Transaction, user: User, password_hash: str) -> User:
    """Give a user another password. His sessions go on: whoever calls this ends them."""
    after = dataclasses.replace(user, password_hash=password_hash)
    users.save(tx, after)
    return after


def fault_of_password(password: str, user: User) -> str:
    """Say why this cannot be a password of `user`; empty where it can."""
    if len(password) < SHORTEST_PASSWORD:
        return f"At least {SHORTEST_PASSWORD} characters, please: a few words will do."
    if len(password) > LONGEST_PASSWORD:
        return f"At most {LONGEST_PASSWORD:,} characters, please."
    if password.lower() in {user.username.lower() * 2, user.email.lower()}:
        return "Not one's own name, please."
    return ""


def remove(tx: Transaction, user: User) -> None:
    """Remove a user; his tokens and sessions end."""
    sessions.remove_of_user(tx, user.id)
    users.remove(tx, user.id)
