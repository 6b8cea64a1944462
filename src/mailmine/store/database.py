"""The one border to a database: connections, transactions, and what its errors mean.

SQLite runs in WAL mode with synchronous=FULL: what is committed survives a killed process and a
power cut. At some hundred rows a commit that costs nothing (spec/performance.md, section 3).

PostgreSQL may be reached through a pooler in transaction mode, `?pooler=transaction`: nothing then depends on the session,
which is another one with the next transaction. And a replica of it may answer what need not be of this very moment.
"""

import math
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final, Literal, cast

import psycopg
import structlog
from psycopg.types.array import ListBinaryDumper
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, InvalidatePoolError, TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from mailmine.store import migrations
from mailmine.store.errors import (
    Conflict,
    DatabaseUnavailable,
    LockedOut,
    NotFound,
    StoreError,
)
from mailmine.store.sweeping import sweep

log = structlog.get_logger(__name__)

Dialect = Literal["sqlite", "postgresql"]

PATIENCE = 30.0
"""Seconds to wait for a lock of another process, or for a free connection."""

READERS = 8
"""Connections that may read at the same time in one process."""

CONNECT = 10
"""Seconds that PostgreSQL may take to let us in."""

SILENCE = 15
"""Seconds after which a peer that does not answer is gone, to us and to PostgreSQL.

A cable that is cut says nothing: a round's worker has to learn of it before its lease (30 s) has run out, and PostgreSQL has to
let go of the locks of a worker that will never come back. Without this either waits for hours.
"""

ABANDONED = 30
"""Seconds in which a transaction asks nothing, after which PostgreSQL ends it: whoever began it is frozen, and others wait for its locks."""

PAGE_BYTES = 8_192
"""SQLite's page: emails and comments have some kilobytes, and are found and written in fewer pieces."""

CACHE_KIB = {"read": 2_048, "write": 16_384}
"""SQLite's page cache of one connection."""


COPIES = ".backup-"
"""How the names of files begin that `copy_to` writes, beside the database."""

LEFT_BEHIND = 3600
"""Seconds since the last byte, after which nobody writes such a file any more: its process was killed."""

POOLER: Final = "pooler"
"""Of the address: how connections are pooled on the way to PostgreSQL."""

IDLE: Final = 1.0
"""Seconds after which a connection to PostgreSQL is asked whether it is still there, before it is used again."""

AWAY: Final = 10.0
"""Seconds for which a replica that failed is left alone."""

REPLICA_PATIENCE: Final = 2.0
"""Seconds to wait for a connection to the replica: the database itself answers as well."""


class Database:
    """One database, shared by all threads of the process."""

    def __init__(
        self,
        reader: Engine,
        writer: Engine,
        url: str,
        patience: float,
        *,
        replica: Engine | None = None,
        is_pooled: bool = False,
    ) -> None:
        self.url = url
        self.dialect = cast("Dialect", writer.dialect.name)
        self._reader = reader
        self._at_once = _at_once(reader)
        self._writer = writer
        self._patience = patience
        self._lock = threading.Lock()
        self._replica = replica
        self._replica_away_until = 0.0
        self._lock_timeout = _lock_timeout(patience) if is_pooled else None

    @classmethod
    def open(
        cls, url: str, *, replica: str | None = None, patience: float = PATIENCE
    ) -> "Database":
        """Open `sqlite:////abs/path.db` or `postgresql://…`; connects when first used.

        `replica` is the address of a replica of it, or of a pooler before several. `patience` is how many seconds to wait
        for a lock before `DatabaseUnavailable`. Copies that killed processes left beside a file are cleared away.
        """
        parsed = _parsed(url)
        second = None if replica is None else _parsed(replica)
        if second is not None and {parsed.get_backend_name(), second.get_backend_name()} != {
            "postgresql"
        }:
            raise DatabaseUnavailable("A replica of the database is one of PostgreSQL, of another.")
        if parsed.get_backend_name() == "sqlite":
            reader, writer = _sqlite(parsed, "read", patience), _sqlite(parsed, "write", patience)
        elif parsed.get_backend_name() == "postgresql":
            reader = writer = _postgresql(parsed, patience)
        else:
            raise DatabaseUnavailable(
                f"mailmine keeps its data in SQLite or PostgreSQL, not in {parsed.drivername}."
            )
        third = None if second is None else _postgresql(second, min(patience, REPLICA_PATIENCE))
        for engine in {reader, writer}:
            event.listen(engine, "handle_error", _translate)
        if third is not None:
            event.listen(third, "handle_error", _translate_of_replica)
        is_pooled = _is_pooled(parsed)
        opened = cls(reader, writer, url, patience, replica=third, is_pooled=is_pooled)
        if opened.path is not None:
            sweep(opened.path.parent, f"{COPIES}*.db*", abandoned=LEFT_BEHIND)
        return opened

    def migrate(self) -> None:
        """Bring the schema up to date; safe when several processes start at once, and on PostgreSQL while others work.

        Raises DatabaseUnavailable, also for a database of a newer version.
        """
        if self.dialect == "postgresql":
            migrations.upgrade_beside_others(self.write)
            return
        with self.write() as tx:
            if not migrations.is_current(tx):
                migrations.upgrade(tx)

    def is_current(self) -> bool:
        """Tell whether the schema is that of this version. Raises DatabaseUnavailable."""
        with self.read() as tx:
            return migrations.is_current(tx)

    def is_usable(self) -> bool:
        """Tell whether the schema is that of this version, or of a later one, which began beside this process.

        Raises DatabaseUnavailable.
        """
        with self.read() as tx:
            return migrations.is_usable(tx)

    @property
    def place(self) -> str:
        """Tell a person where the database is; names no user and no password."""
        url = _parsed(self.url)
        if self.path is not None:
            return str(self.path)
        hosts = url.query.get("host", ())
        named = [hosts] if isinstance(hosts, str) else [one.rpartition(":")[0] for one in hosts]
        # A folder is where a socket of this machine is.
        where = [one for one in (url.host, *named) if one and not one.startswith("/")]
        return f"{url.database or ''} at {', '.join(where) or 'this machine'}"

    @property
    def address(self) -> str:
        """The URL of it, with stars for a password."""
        return _parsed(self.url).render_as_string(hide_password=True)

    @property
    def path(self) -> Path | None:
        """The file of an SQLite database."""
        name = _parsed(self.url).database
        return Path(name) if self.dialect == "sqlite" and name else None

    def copy_to(self, file: Path) -> None:
        """Write one moment of an SQLite database into an empty file; others go on reading and writing.

        Raises DatabaseUnavailable, also where there is no room.
        """
        if self.path is None:
            raise DatabaseUnavailable("Only a database of SQLite is copied: use pg_dump.")
        with (
            _wrapped(),
            closing(sqlite3.connect(self.path, timeout=self._patience)) as ours,
            closing(sqlite3.connect(file)) as copy,
        ):
            # All pages at once: a copy made in steps begins anew whenever another process wrote.
            ours.backup(copy)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the data and writes nothing."""
        with _wrapped(), self._reader.begin() as tx:
            yield tx

    @contextmanager
    def browse(self, tx: Connection | None = None) -> Iterator[Connection]:
        """Open such a transaction on the replica: what was written a moment ago may not be there yet.

        For what people and programs look through, never for what somebody goes on from. Where there is no replica, or it is
        away, it is `tx`, or a transaction of the database itself.
        """
        with _wrapped(), ExitStack() as stack:
            far = self._on_replica(stack)
            if far is None:
                far = tx if tx is not None else stack.enter_context(self.read())
            yield far

    @contextmanager
    def glance(self) -> Iterator[Connection]:
        """Do as `browse`, for one statement: no transaction is begun and ended around it, which takes as long as the statement.

        Of several, each sees another state of the data.
        """
        with _wrapped(), ExitStack() as stack:
            far = self._on_replica(stack, at_once=True)
            yield far if far is not None else stack.enter_context(self._at_once.begin())

    def _on_replica(self, stack: ExitStack, *, at_once: bool = False) -> Connection | None:
        if self._replica is None or time.monotonic() < self._replica_away_until:
            return None
        try:
            with _wrapped():
                engine = _at_once(self._replica) if at_once else self._replica
                return stack.enter_context(engine.begin())
        except DatabaseUnavailable as error:
            log.warning("replica away", error=str(error))
            self._replica_away_until = time.monotonic() + AWAY
            return None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction: commits at the end, rolls back on an exception."""
        with _wrapped(), self._turn(), self._writer.begin() as tx:
            if self._lock_timeout is not None:
                tx.execute(text(f"SET LOCAL lock_timeout = {self._lock_timeout}"))
            yield tx

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Let one thread write at a time in SQLite: waiting here wakes up at once, waiting there is polling."""
        if self.dialect != "sqlite":
            yield
            return
        if not self._lock.acquire(timeout=self._patience):
            raise DatabaseUnavailable("Another thread has been writing for too long.")
        try:
            yield
        finally:
            self._lock.release()

    def close(self) -> None:
        """Let go of all connections."""
        self._reader.dispose()
        self._writer.dispose()
        if self._replica is not None:
            self._replica.dispose()


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(_listed(url))
        if parsed.get_backend_name() == "postgresql":
            of_driver = parsed.set(drivername=DRIVER).difference_update_query([POOLER])
            _, options = of_driver.get_dialect()().create_connect_args(of_driver)
            psycopg.conninfo.make_conninfo(**options)
            # It alone is read by the driver, when it connects; what libpq reads it says in words of its own.
            psycopg.conninfo.timeout_from_conninfo(dict(options))
    except (ArgumentError, ValueError):
        raise DatabaseUnavailable(_NO_ADDRESS) from None
    except psycopg.ProgrammingError as error:
        raise DatabaseUnavailable(
            f"The address of the database has what PostgreSQL does not know: {_first_line(error)}."
        ) from None
    if parsed.get_backend_name() == "sqlite" and (parsed.host or parsed.query):
        raise DatabaseUnavailable(_NO_ADDRESS)
    return parsed


_NO_ADDRESS: Final = (
    "The address of the database is not one. Write sqlite:////folder/mailmine.db, without options, or "
    "postgresql://user@host/name, and in a password %40 for @, %2F for /, %25 for %."
)


def _listed(url: str) -> str:
    """Write as SQLAlchemy does what libpq has otherwise: several hosts, `user@one:5432,two:5432`, are each a parameter."""
    scheme, between, rest = url.partition("://")
    if scheme == "postgres":  # libpq takes both
        url, scheme = f"postgresql://{rest}", "postgresql"
    place, slash, name = rest.partition("/")
    user, at, hosts = place.rpartition("@")
    # The rest of a password would be taken for a host, and be shown.
    if at and "@" in user + name.partition("?")[0]:
        raise ValueError
    if "," not in hosts:
        return url
    name, mark, query = name.partition("?")
    each = (one if _PORT.search(one) else f"{one}:{DEFAULT_PORT}" for one in hosts.split(","))
    query = "&".join([*(f"host={one}" for one in each), *([query] if mark else [])])
    return f"{scheme}{between}{user}{at}{slash}{name}?{query}"


_PORT: Final = re.compile(r":\d+$")
DEFAULT_PORT: Final = 5432
DRIVER: Final = "postgresql+psycopg"


def _is_pooled(url: URL) -> bool:
    """Tell whether connections are those of a pooler that gives a session for one transaction."""
    mode = url.query.get(POOLER)
    if mode not in {None, "session", "transaction"}:
        raise DatabaseUnavailable("A pooler works in the mode session or transaction.")
    return mode == "transaction"


def _at_once(engine: Engine) -> Engine:
    """Give the same connections without transactions; in SQLite a transaction costs nothing."""
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _lock_timeout(patience: float) -> int:
    """Give milliseconds."""
    return max(1, int(patience * 1000))


def _sqlite(url: URL, use: Literal["read", "write"], patience: float) -> Engine:
    if not url.database or url.database == ":memory:":
        raise DatabaseUnavailable("An SQLite database needs a file: sqlite:////folder/mailmine.db.")
    folder = Path(url.database).parent
    if not folder.is_dir():
        raise DatabaseUnavailable(
            f"{folder} is no folder, so no database can be in it. Name another."
            if folder.exists()
            else f"The folder {folder} of the database does not exist. Make it first."
        )
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        connect_args={"timeout": patience, "check_same_thread": False},
        pool_size=1 if use == "write" else READERS,
        max_overflow=0,
        pool_timeout=patience,
        hide_parameters=True,  # they hold mail; an error may be logged
    )

    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, record: object) -> None:
        del record
        # We begin transactions ourselves; the driver's own way is late and never IMMEDIATE.
        connection.isolation_level = None
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # heeded by a new database alone
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 2000")  # pages: 16 MB
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB[use]}")
        connection.execute(f"PRAGMA query_only = {int(use == 'read')}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # The driver itself: every request begins one, and the way through the engine takes five times as long.
        connection.connection.cursor().execute("BEGIN IMMEDIATE" if use == "write" else "BEGIN")

    return engine


class _BinaryCursor(psycopg.Cursor[Any]):
    """Lets PostgreSQL send values as they are: bytes, such as the JSON of comments, are text of twice the size else."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.format = psycopg.pq.Format.BINARY


def _postgresql(url: URL, patience: float) -> Engine:
    is_pooled = _is_pooled(url)
    # What an address says itself holds: somebody's network may want other numbers.
    arguments: dict[str, object] = {
        "connect_timeout": max(2, min(CONNECT, int(patience))),
        "keepalives_idle": SILENCE // 3,
        "keepalives_interval": SILENCE // 3,
        "keepalives_count": 2,
        "tcp_user_timeout": SILENCE * 1000,
    }
    given = {name: value for name, value in arguments.items() if name not in url.query}
    given["cursor_factory"] = _BinaryCursor
    if is_pooled:
        # A statement that is prepared in one session is not known in the next.
        given["prepare_threshold"] = None
    engine = create_engine(
        url.difference_update_query([POOLER]).set(drivername=DRIVER),
        connect_args=given,
        pool_size=READERS,
        max_overflow=READERS,
        pool_timeout=patience,
        hide_parameters=True,  # they hold mail; an error may be logged
    )

    # The other end of the same: what PostgreSQL does about a client that it hears nothing from.
    wanted = {
        "lock_timeout": _lock_timeout(patience),
        "idle_in_transaction_session_timeout": ABANDONED * 1000,
        "tcp_keepalives_idle": SILENCE // 3,
        "tcp_keepalives_interval": SILENCE // 3,
        "tcp_keepalives_count": 2,
        "tcp_user_timeout": SILENCE * 1000,
    }
    # As one statement: those that give bytes as they are take one at a time.
    each = (f"set_config('{name}', '{value}', false)" for name, value in wanted.items())
    settings = f"SELECT {', '.join(each)}".encode()

    @event.listens_for(engine, "checkin")
    def checkin(connection: object, record: ConnectionPoolEntry) -> None:
        del connection
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def checkout(connection: DBAPIConnection, record: ConnectionPoolEntry, proxy: object) -> None:
        del proxy
        if time.monotonic() - record.info.get("used_at", math.inf) > IDLE:
            try:
                engine.dialect.do_ping(connection)
            except psycopg.Error as error:
                raise InvalidatePoolError from error

    @event.listens_for(engine, "connect")
    def connect(connection: psycopg.Connection, record: object) -> None:
        del record
        # As text, which is what they are else, bytes in a list are twice their size, and everything is looked through.
        connection.adapters.register_dumper(list, ListBinaryDumper)
        if not is_pooled:  # there the session is not ours alone, and the pooler's own settings hold
            connection.execute(settings)
            connection.commit()

    return engine


@contextmanager
def _wrapped() -> Iterator[None]:
    """Translate also what goes wrong before there is a connection.

    The driver's own error is not shown with ours: PostgreSQL's names the values of a refused row.
    """
    try:
        yield
    except StoreError as error:
        raise error from None
    except PoolTimeout:
        raise DatabaseUnavailable("All connections to the database are in use.") from None
    except (sqlite3.Error, psycopg.Error) as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from None


def _translate(context: ExceptionContext) -> StoreError | None:
    """Say in our words what a driver's error means. What is left as it is is a bug of ours."""
    return _meaning(context.original_exception)


def _translate_of_replica(context: ExceptionContext) -> StoreError | None:
    """Do as `_translate`; what was tidied up while somebody looked at it ends a long look at a replica."""
    error = context.original_exception
    if isinstance(error, psycopg.errors.SerializationFailure):
        return DatabaseUnavailable(f"The replica ended a look: {_first_line(error)}. Try again.")
    return _meaning(error)


def _meaning(error: BaseException) -> StoreError | None:
    if isinstance(error, sqlite3.IntegrityError | psycopg.IntegrityError):
        is_foreign = isinstance(error, psycopg.errors.ForeignKeyViolation)
        if is_foreign or _name(error) == "SQLITE_CONSTRAINT_FOREIGNKEY":
            return NotFound("What this belongs to does not exist any more.")
        return Conflict("Something with this name is there already.")
    if isinstance(error, psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected):
        return Conflict("Another worker wrote the same at the same time. Try again.")
    if isinstance(error, psycopg.OperationalError | _PASSING):
        is_locked = isinstance(error, psycopg.errors.LockNotAvailable)
        kind = LockedOut if is_locked else DatabaseUnavailable
        is_standby = isinstance(error, psycopg.errors.ReadOnlySqlTransaction)
        words = _STANDBY if is_standby else _first_line(error)
        return kind(f"PostgreSQL cannot be used now: {words}")
    if isinstance(error, sqlite3.DatabaseError) and _name(error) not in _OURS:
        what, remedy = _first_line(error), _REMEDIES.get(_kind(error), "")
        return DatabaseUnavailable(f"The SQLite database cannot be used now: {what}.{remedy}")
    return None


_REMEDIES: Final = {
    "SQLITE_BUSY": " Another process has been writing for too long.",
    "SQLITE_CANTOPEN": " Its file or its folder is gone, or belongs to another user.",
    "SQLITE_CORRUPT": " Its file is damaged: restore the last copy.",
    "SQLITE_FULL": " Make room on its disk.",
    "SQLITE_IOERR": " Its disk fails, or is full.",
    "SQLITE_NOTADB": " Its file is something else: name another, or restore the last copy.",
    "SQLITE_READONLY": " Its file or its folder belongs to another user, or is on a disk that is mounted for reading only.",
}
"""What to do, by SQLite's result codes (sqlite.org/rescode.html)."""


_PASSING: Final = (
    psycopg.errors.IdleInTransactionSessionTimeout | psycopg.errors.ReadOnlySqlTransaction
)
_STANDBY: Final = (
    "it is a standby, which nobody can write to. Where another took over, name all of them in the address: "
    "postgresql://user@one,two/name?target_session_attrs=read-write"
)

_OURS = ("", "SQLITE_ERROR")
"""Wrong SQL, or the driver used wrongly."""


def _name(error: BaseException) -> str:
    return getattr(error, "sqlite_errorname", "")


def _kind(error: BaseException) -> str:
    """Give the primary code of what may be an extended one, as SQLITE_READONLY_DIRECTORY."""
    return "_".join(_name(error).split("_")[:2])


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
