"""Who may do what: users, their passwords, tokens and sessions; and the secrets that mailmine keeps.

What other rooms use:

- `first.administrator(tx, at=…)` makes the first account of a new installation, with a password to print once.
- `signing.sign_in(database, throttle, …)` lets a person in by username and password, or raises `SignInError`,
  whose text is for the person; `signing.sign_out(database, token)` ends the session.
- `single_sign_on.SingleSignOn(registration, keyring)` does so by a provider of OpenID Connect (`oidc`, `id_token`, `roles`):
  `begin`, and when the person is back `recall`, `person` and `admit`; each may raise `oidc.Refused`, a `SignInError`.
- `sessions.identify(tx, token, now=…)` tells whose session a cookie names; `sessions.COOKIE` is its name and
  `sessions.cookie(token, secure=…)` all arguments of Starlette's `set_cookie`.
  `sessions.shown(…)`, `end_by_handle` and `end_others` are for their owner.
- `tokens.issue(tx, user, name, at=…)` makes an API token, shown once; `tokens.identify(tx, token, now=…)` tells whose it is.
- `permissions.Identity` is who asks: `may(permission, project)`, `sees(project)`, `projects_with(permission)`;
  `Permission` and `GlobalPermission` are the names on the wire.
- `csrf.token(session_token)` goes into every form as the field `csrf.FIELD`; `csrf.is_valid(session_token, given)` checks it.
  The sign-in form has no session yet: `csrf.is_cross_site(headers)` guards it.
- `passwords.hash_password`, `passwords.is_right` (some 50 ms each: never within a write transaction that others wait for).
- `throttle.SharedThrottle(database)` slows down who guesses passwords, in all processes; `throttle.Throttle()` in one.
- `refusals.note(database, user, …)` writes a refused sign-in into the audit log, in few rows.
- `secrets.Keyring.load(folder)`, then `secrets.put(tx, keyring, name, text, at=…)` and `secrets.get(tx, keyring, name)`.

Tokens and session ids are 256 random bits; the store has only their SHA-256, so who reads the database cannot use them.
"""
