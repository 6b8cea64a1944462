"""Who there is, what each may do, and how he signs in."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailmine.access import passwords, people
from mailmine.access.people import NotAllowed
from mailmine.access.permissions import GlobalPermission, Identity, Permission
from mailmine.model.ids import TokenId, UserId
from mailmine.store import identities, projects, sessions, tokens, users
from mailmine.store.users import User
from mailmine.sync import editing
from mailmine.web import rights
from mailmine.web.forms import Fields, form, to
from mailmine.web.language import _, each
from mailmine.web.visit import Visit, page
from mailmine.web.words import counted

LONGEST_EMAIL = 512

Check = Callable[[Identity, User], None]
"""Raises NotAllowed."""

MARK = "was"
"""The field that tells what somebody saw when he filled in a form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What somebody is in one project."""

    project: str
    given: frozenset[str]
    role: str
    """Its name; empty where it is none of those that have one."""
    may_change: frozenset[str]
    """What the visitor may give and take."""


@page
def show(visit: Visit) -> Response:
    """Answer `/people`."""
    return _list(visit)


def _list(
    visit: Visit,
    *,
    typed: Fields | None = None,
    faults: Mapping[str, str] | None = None,
) -> Response:
    if not visit.sees_people:
        raise HTTPException(403)
    shown = [user for user in users.list_all(visit.tx) if people.sees(visit.identity, user)]
    return visit.render(
        "people.html",
        status=422 if faults else 200,
        here="people",
        title=_("People"),
        people=[(user, _shares(visit, user)) for user in shown],
        everywhere=each(rights.EVERYWHERE),
        may_write=people.may_write(visit.identity),
        projects=_projects(visit),
        roles=rights.roles(),
        typed=typed or {},
        faults=faults or {},
    )


@form
def add(visit: Visit, given: Fields) -> Response:
    """Answer POST `/people`: make a user, and show his password once."""
    if not people.may_write(visit.identity):
        raise HTTPException(403)
    name = given.get("username", "").strip()
    if fault := _fault_of_name(visit, name):
        return _list(visit, typed=given, faults={"username": fault})
    email = given.get("email", "").strip()
    if len(email) > LONGEST_EMAIL:
        fault = counted(
            "At most %(number)s character.", "At most %(number)s characters.", LONGEST_EMAIL
        )
        return _list(visit, typed=given, faults={"email": fault})
    if refusal := editing.over_quota(visit.tx, "users", users.count(visit.tx) + 1):
        return _list(visit, typed=given, faults={"username": refusal})
    wanted = given.get("role", "")
    project = given.get("project", "")
    password = passwords.generate()
    user = users.add(
        visit.tx,
        username=name,
        email=email,
        password_hash=passwords.hash_password(password),
        global_permissions=frozenset(),
        project_permissions={},
    )
    try:
        if wanted == GlobalPermission.ROOT:
            user = people.with_global(visit.identity, user, frozenset({GlobalPermission.ROOT}))
        elif wanted in rights.ROLES:
            if not project:
                return _list(visit, typed=given, faults={"project": _("In which project?")})
            given_there = frozenset(map(str, rights.ROLES[wanted][2]))
            user = people.with_projects(visit.identity, user, {project: given_there})
    except NotAllowed as fault:
        return _list(visit, typed=given, faults={"role": str(fault)})
    users.save(visit.tx, user)
    visit.note("user_added", user=user.username)
    return _person(visit, user, secret=password)


def _fault_of_name(visit: Visit, name: str) -> str:
    if not people.USERNAME.fullmatch(name):
        return _("Letters, digits and -_.@ only, at least one.")
    if users.by_username(visit.tx, name) is not None:
        return _("There is a user %(name)s already.") % {"name": name}
    return ""


@page
def show_one(visit: Visit) -> Response:
    """Answer `/people/{id}`."""
    return _person(visit, _find(visit, Permission.USERS_READ))


def _person(
    visit: Visit, user: User, *, secret: str = "", fault: str = "", status: int = 200
) -> Response:
    response = visit.render(
        "person.html",
        status=status,
        here="people",
        title=user.username,
        person=user,
        is_self=user.id == visit.identity.user_id,
        shares=_shares(visit, user),
        projects=[one for one in _projects(visit) if one not in user.project_permissions],
        permissions=rights.permissions(),
        roles=rights.roles(),
        everywhere=each(rights.EVERYWHERE),
        kept=sorted(user.global_permissions - {str(one) for one in rights.EVERYWHERE}),
        may_run=_may(visit, user, people.check_is_his_to_run),
        may_give_password=_may(visit, user, _giving_password(visit, user)),
        tokens=tokens.of_user(visit.tx, user.id),
        sessions=sessions.of_user(visit.tx, user.id, now=visit.at),
        providers=identities.of_user(visit.tx, user.id),
        mark_name=MARK,
        mark=_mark(user),
        secret=secret,
        fault=fault,
    )
    if secret:
        response.headers["Cache-Control"] = "no-store"
    return response


@form
def give(visit: Visit, given: Fields) -> Response:
    """Answer POST `/people/{id}/projects`: what he may do in one project is what is ticked, or a role."""
    user = _find(visit, Permission.USERS_WRITE)
    project, role = given.get("project", ""), given.get("role", "")
    if projects.get(visit.tx, project) is None:
        return _person(visit, user, fault=_("There is no such project any more."), status=422)
    if _was_changed(user, given):
        return _stale(visit, user)
    if role in rights.ROLES:
        wanted = frozenset(map(str, rights.ROLES[role][2]))
    elif role == "none":
        wanted = frozenset()
    else:
        # Permissions that have no box here are kept.
        boxes = {str(one) for some in rights.PERMISSIONS.values() for one in some}
        hidden = user.project_permissions.get(project, frozenset()) - boxes
        wanted = frozenset(box for box in boxes if box in given) | hidden
    try:
        after = people.with_projects(visit.identity, user, {project: wanted})
    except NotAllowed as fault:
        return _person(visit, user, fault=str(fault), status=403)
    users.save(visit.tx, after)
    visit.note("user_changed", user=user.username, project=project)
    return to(visit, "person", id=user.id)


@form
def give_everywhere(visit: Visit, given: Fields) -> Response:
    """Answer POST `/people/{id}/everywhere`: what he may do in the whole installation."""
    user = _find(visit, Permission.USERS_WRITE)
    if _was_changed(user, given):
        return _stale(visit, user)
    hidden = user.global_permissions - {str(one) for one in rights.EVERYWHERE}
    wanted = hidden | {str(one) for one in rights.EVERYWHERE if one in given}
    is_own = user.id == visit.identity.user_id
    if is_own and visit.identity.is_root and GlobalPermission.ROOT not in wanted:
        fault = _("Nobody stops being an administrator by himself: let another one do it.")
        return _person(visit, user, fault=fault, status=422)
    try:
        after = people.with_global(visit.identity, user, frozenset(wanted))
    except NotAllowed as fault:
        return _person(visit, user, fault=str(fault), status=403)
    users.save(visit.tx, after)
    visit.note("user_changed", user=user.username)
    return to(visit, "person", id=user.id)


@form
def renew_password(visit: Visit, given: Fields) -> Response:
    """Answer POST `/people/{id}/password`: a new one, shown once; his sessions end."""
    del given
    user = _find(visit, Permission.USERS_WRITE)
    if not _may(visit, user, _giving_password(visit, user)):
        raise HTTPException(403)
    password = passwords.generate()
    after = people.save_password(visit.tx, user, passwords.hash_password(password))
    sessions.remove_of_user(visit.tx, user.id)
    visit.note("password_changed", user=user.username)
    return _person(visit, after, secret=password)


@form
def switch(visit: Visit, given: Fields) -> Response:
    """Answer POST `/people/{id}/state`: let him in, or no longer."""
    user = _his_to_run(visit)
    is_enabled = given.get("state") == "on"
    if user.id == visit.identity.user_id:
        return _person(visit, user, fault=_("Nobody shuts himself out."), status=422)
    people.switch(visit.tx, user, is_enabled=is_enabled)
    visit.note("user_enabled" if is_enabled else "user_disabled", user=user.username)
    return to(visit, "person", id=user.id)


@form
def end_token(visit: Visit, given: Fields) -> Response:
    """Answer POST `/people/{id}/tokens`: one of his tokens ends."""
    user = _his_to_run(visit)
    for token in tokens.of_user(visit.tx, user.id):
        if token.id == TokenId(given.get("token", "")):
            tokens.remove(visit.tx, token.id)
            visit.note("token_revoked", user=user.username, name=token.name)
    return to(visit, "person", id=user.id)


@form
def remove(visit: Visit, given: Fields) -> Response:
    """Answer POST `/people/{id}/remove`: who typed his name means him."""
    user = _his_to_run(visit)
    if user.id == visit.identity.user_id:
        fault = _("Nobody removes himself: let another administrator do it.")
        return _person(visit, user, fault=fault, status=422)
    if given.get("name", "").strip() != user.username:
        fault = _("Nothing was removed: type %(name)s to remove this account.") % {
            "name": user.username
        }
        return _person(visit, user, fault=fault, status=422)
    people.remove(visit.tx, user)
    visit.note("user_removed", user=user.username)
    return to(visit, "people")


def _find(visit: Visit, permission: Permission) -> User:
    """Find the user that the address names; 404 where he does not exist for the visitor."""
    user = users.by_id(visit.tx, UserId(visit.request.path_params["id"]))
    if user is None or not people.sees(visit.identity, user, permission):
        raise HTTPException(404)
    if permission is Permission.USERS_WRITE and not people.may_write(visit.identity):
        raise HTTPException(403)
    return user


def _his_to_run(visit: Visit) -> User:
    user = _find(visit, Permission.USERS_WRITE)
    if not _may(visit, user, people.check_is_his_to_run):
        raise HTTPException(403)
    return user


def _giving_password(visit: Visit, user: User) -> Check:
    is_linked = bool(identities.of_user(visit.tx, user.id))
    return partial(people.check_may_give_password, is_linked=is_linked)


def _may(visit: Visit, user: User, check: Check) -> bool:
    if not people.may_write(visit.identity):
        return False
    try:
        check(visit.identity, user)
    except NotAllowed:
        return False
    return True


def _projects(visit: Visit) -> list[str]:
    """Name the projects in which the visitor may give something."""
    names = (one.name for one in projects.list_all(visit.tx))
    return [name for name in names if _givable(visit, name)]


def _givable(visit: Visit, project: str) -> frozenset[str]:
    identity = visit.identity
    if identity.administers_projects:
        return frozenset(map(str, Permission))
    own = identity.project_permissions.get(project, frozenset())
    return own if Permission.USERS_WRITE in own else frozenset()


def _shares(visit: Visit, user: User) -> list[Share]:
    """Tell what somebody is in the projects that exist for the visitor."""
    return [
        Share(
            project=project,
            given=given,
            role=rights.role_of(given),
            may_change=_givable(visit, project),
        )
        for project, given in sorted(user.project_permissions.items())
        if visit.identity.sees(project)
    ]


def _mark(user: User) -> str:
    """Stand for what somebody saw of a user's permissions."""
    shown = (
        sorted(user.global_permissions),
        sorted(map(_sorted, user.project_permissions.items())),
    )
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def _sorted(share: tuple[str, frozenset[str]]) -> tuple[str, list[str]]:
    return share[0], sorted(share[1])


def _was_changed(user: User, given: Fields) -> bool:
    return given.get(MARK) != _mark(user)


def _stale(visit: Visit, user: User) -> Response:
    fault = _(
        "Somebody else changed these permissions after you opened the page, so yours were not saved. "
        "This is how they are now: make your change again."
    )
    return _person(visit, user, fault=fault, status=409)
