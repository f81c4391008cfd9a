"""How a session with Postgres begins: as the app's role and with timeouts, and refused where that cannot be had.

A pooler in front that lends its sessions for one transaction at a time (PgBouncer's pool_mode=transaction) keeps nothing of
what a session sets. It is known by the process id that it makes up. Then no statement is prepared under a name, and the role
and the timeouts must come with the login (docs/pgbouncer.md).
"""

from __future__ import annotations

from functools import partial

import asyncpg

from app.db.pool import Connection
from app.db.schema import APP_ROLE, TIMEOUTS
from app.logs import get_logger

log = get_logger("database")

COMMAND_TIMEOUT_S = 15.0
"""Above every timeout that the server keeps itself: this one ends a wait for a server that went silent."""

DIRECT = {
    "role": APP_ROLE,
    "application_name": "onetill",
    **TIMEOUTS,
    "timezone": "UTC",
    # A statement is planned once, whatever it is asked for, and none is worth a second process.
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "max_parallel_workers_per_gather": "0",
}
"""What a session asks for when it begins."""

POOLED = {"application_name": "onetill", "timezone": "UTC"}
"""What PgBouncer lets through, and sets in each session that it lends."""

WHO = f"""
SELECT pg_backend_pid() AS pid, session_user AS login, current_user AS role,
    (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) AS is_superuser,
    EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP_ROLE}') AS has_role,
    EXISTS (
        SELECT FROM pg_class WHERE relname = 'payment_events' AND pg_has_role(session_user, relowner, 'MEMBER')
    ) AS owns_tables,
    {", ".join(f"current_setting('{name}') AS {name}" for name in TIMEOUTS)}
"""  # noqa: S608  our names, no value


class SessionRefused(asyncpg.InterfaceError):
    """The database answers, and it would not be safe to work with it as it is.

    `reason` is for everybody, `way_out` for whoever runs the process.
    """

    def __init__(self, reason: str, way_out: str) -> None:
        super().__init__(f"{reason}: {way_out}")
        self.reason, self.way_out = reason, way_out


class Sessions:
    """Opens sessions at one address. What it finds out about a pooler there holds for those that follow."""

    def __init__(self, url: str, *, one_role: bool = False, is_live: bool = False) -> None:
        self._url = url
        self._one_role = one_role
        self._is_live = is_live
        self._is_pooled = False
        self._has_warned = False

    async def open(self, timeout_s: float = 10.0, command_timeout_s: float = COMMAND_TIMEOUT_S) -> Connection:
        """A session as the app's role. Raises SessionRefused, and what asyncpg raises when nobody answers."""
        connection = await self._direct(timeout_s, command_timeout_s) if not self._is_pooled else None
        if connection is None:
            self._is_pooled = True
            connection = await self._through_pooler(timeout_s, command_timeout_s)
        return connection

    async def _direct(self, timeout_s: float, command_timeout_s: float) -> Connection | None:
        """A session with Postgres itself; None: a pooler has answered."""
        try:
            connection = await connect(self._url, timeout_s, command_timeout_s, one_role=self._one_role)
        except asyncpg.ProtocolViolationError as error:
            if is_from_pooler(error):
                return None
            raise
        try:
            who = await ask_who(connection)
            if is_behind_pooler(connection, who):
                log.info("database_pooler", detail="statements are not prepared; the role comes with the login")
                await connection.close(timeout=timeout_s)
                return None
            self._refuse_superuser(who)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _through_pooler(self, timeout_s: float, command_timeout_s: float) -> Connection:
        connection = await asyncpg.connect(
            self._url,
            server_settings=POOLED,
            statement_cache_size=0,
            timeout=timeout_s,
            command_timeout=command_timeout_s,
        )
        try:
            async with connection.transaction():
                who = await ask_who(connection)
            self._refuse_superuser(who)
            is_alone = self._one_role and not who["has_role"]
            if who["role"] != APP_ROLE and not is_alone:
                raise SessionRefused(
                    f"a pooler stands before the database, and it logs in as another role than {APP_ROLE}",
                    f"behind a pooler no session becomes another role; log in as {APP_ROLE} in ONETILL_DATABASE_URL and in the "
                    "pooler's own [databases]",
                )
            if without := [name for name in TIMEOUTS if who[name] == "0" and not is_alone]:
                raise SessionRefused(
                    f"a pooler stands before the database, and sessions have no {', '.join(without)}",
                    "run `onetill migrate` with ONETILL_DATABASE_OWNER_URL of a role that may, or as a superuser, in this "
                    "database: " + "; ".join(settings_of_role()),
                )
        except asyncpg.PostgresError as error:
            connection.terminate()
            if "statement pooling" not in str(error):
                raise
            raise SessionRefused(
                "the pooler before the database lends a session for one statement, and payments need transactions",
                "set pool_mode = transaction, or session",
            ) from error
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _refuse_superuser(self, who: asyncpg.Record) -> None:
        if self._is_live and who["is_superuser"]:
            raise SessionRefused(
                "live mode refuses a superuser's login",
                f"no privilege binds a superuser; log in as {APP_ROLE} in ONETILL_DATABASE_URL (docs/live-mode.md)",
            )
        if self._is_live and who["owns_tables"] and not self._has_warned:
            self._has_warned = True
            log.warning(
                "login_owns_the_tables",
                detail=f"{who['login']} takes the role {APP_ROLE} and may leave it: privileges keep nobody who has this password",
                way_out="give ONETILL_DATABASE_URL a login of its own, and the owner's to ONETILL_DATABASE_OWNER_URL alone",
            )


async def connect(url: str, connect_s: float, command_s: float, *, one_role: bool = False) -> Connection:
    """A session with Postgres itself, as the app's role; with `one_role`, as the login where there is no such role.

    Raises asyncpg.ProtocolViolationError where a pooler answers that refuses settings; see `is_from_pooler`.
    """
    begin = partial(asyncpg.connect, url, timeout=connect_s, command_timeout=command_s)
    try:
        return await begin(server_settings=DIRECT)
    except asyncpg.InvalidParameterValueError:  # there is no such role
        if not one_role:
            raise
    return await begin(server_settings={**DIRECT, "role": "none"})


async def ask_who(connection: Connection) -> asyncpg.Record:
    """Who the server takes us for. Nothing stays behind of this, so it may be asked through any pooler."""
    statement = await connection.prepare(WHO, name="")
    who: asyncpg.Record | None = await statement.fetchrow()
    assert who is not None
    return who


def is_behind_pooler(connection: Connection, who: asyncpg.Record) -> bool:
    """Whether it is not the server itself that greeted us: a pooler makes up the process id of the session."""
    return bool(connection.get_server_pid() != who["pid"])


def is_from_pooler(error: asyncpg.ProtocolViolationError) -> bool:
    """Whether a connection was refused for what only a pooler refuses: a setting that it cannot keep."""
    return "startup parameter" in str(error)


def settings_of_role(database: str | None = None) -> list[str]:
    """The statements that give the app's role its timeouts in a database, from whichever side it logs in. Safe to repeat."""
    where = f'"{database}"' if database else "<this database>"
    return [f"ALTER ROLE {APP_ROLE} IN DATABASE {where} SET {name} = '{value}'" for name, value in TIMEOUTS.items()]
