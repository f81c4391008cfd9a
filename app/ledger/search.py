"""The page of a search, by Core because its filters vary: one statement for each set of filters, compiled when first used.

A page costs the same however long the history is, whatever is filtered by. Payments of one gateway, one status and one need
of attention are a *run* of an index, newest first; a page is merged from the newest of every run that its filters admit. There
are at most gateways × statuses × 2 runs, and one that is empty costs a look into the index. So one index serves these three
filters in every combination, and a second one serves them for one customer. An order has few payments: they are all read.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.types import TypeEngine

from app.domain.states import PaymentStatus
from app.ledger.model import Search
from app.ledger.sql import READ
from app.ledger.tables import payments

_NEEDS_ATTENTION = cast(payments.c.attention.is_not(None), Integer)
_IN_RUNS = frozenset({"gateway", "status", "needs_attention"})


def list_payments(search: Search) -> tuple[str, list[Any]]:
    """The statement and values of one keyset page, ordered by (created_at, id)."""
    given = {name: value for name in Search.__slots__ if (value := getattr(search, name)) is not None}
    sql, names = _statement(frozenset(given))
    values = given | {
        "gateways": [search.gateway],
        "statuses": list(PaymentStatus) if search.status is None else [search.status],
        "needs": [0, 1] if search.needs_attention is None else [int(search.needs_attention)],
    }
    if search.after:
        values["after_at"], values["after_id"] = search.after
    return sql, [values[name] for name in names]


@cache
def _statement(given: frozenset[str]) -> tuple[str, tuple[str, ...]]:
    """The statement for what is given, and the names of its values in their order."""
    if "order_id" in given:
        page = _of_order(given)
    elif given & _IN_RUNS or "customer_id" in given:
        page = _of_runs(given)
    else:
        page = _newest(payments, [*_is("store"), *_within(payments, given)])
    compiled = page.compile(dialect=dialect())  # type: ignore[no-untyped-call]
    sql = f"""
        SELECT p.* FROM ({compiled}) page CROSS JOIN LATERAL ({READ} FROM payments p WHERE p.id = page.id LIMIT 1) p
        ORDER BY page.created_at DESC, page.id DESC
    """  # noqa: S608  compiled, values apart
    return sql, tuple(compiled.positiontup or ())


def _of_order(given: frozenset[str]) -> Select[Any]:
    """The order's payments, read by their own index (the OFFSET keeps the other filters outside), then filtered."""
    order = select(payments).where(*_is("store", "order_id")).offset(literal_column("0")).subquery("payments")
    where = [order.c[name] == bindparam(name) for name in ("status", "gateway", "customer_id") if name in given]
    if "needs_attention" in given:
        where.append(order.c.attention.is_not(None) == bindparam("needs_attention"))
    return _newest(order, [*where, *_within(order, given)])


def _of_runs(given: frozenset[str]) -> Select[Any]:
    """The newest of the newest of each run."""
    of_whom = _is("store", "customer_id") if "customer_id" in given else _is("store")
    gateway = _each("gateways", Text) if "gateway" in given else _gateways(of_whom)
    status, need = _each("statuses", Text), _each("needs", Integer)
    of_run = [
        payments.c.gateway == gateway.c.value,
        payments.c.status == status.c.value,
        need.c.value == _NEEDS_ATTENTION,
    ]
    run = _newest(payments, [*of_whom, *of_run, *_within(payments, given)]).lateral("run")
    return _newest(run, [gateway.c.value.is_not(None)], gateway, status, need)


def _each(name: str, kind: type[TypeEngine[Any]]) -> FromClause:
    return func.unnest(bindparam(name, type_=ARRAY(kind))).table_valued("value").render_derived(name)


def _gateways(of_whom: Sequence[ColumnElement[bool]]) -> FromClause:
    """The gateways that occur, each found by one look into the index behind the one before."""
    first = select(func.min(payments.c.gateway).label("value")).where(*of_whom)
    known = first.cte("gateway", recursive=True)
    following = select(func.min(payments.c.gateway)).where(*of_whom, payments.c.gateway > known.c.value)
    return known.union_all(select(following.scalar_subquery()).where(known.c.value.is_not(None)))


def _newest(source: FromClause, where: Sequence[ColumnElement[bool]], *others: FromClause) -> Select[Any]:
    """One page of ids."""
    newest = (source.c.created_at.desc(), source.c.id.desc())
    page = select(source.c.created_at, source.c.id).select_from(*others, source)
    return page.where(*where).order_by(*newest).limit(bindparam("limit", type_=Integer))


def _within(source: FromClause, given: frozenset[str]) -> list[ColumnElement[bool]]:
    """Between which moments, and after which payment."""
    at = source.c.created_at
    conditions = {
        "created_from": at >= bindparam("created_from"),
        "created_before": at < bindparam("created_before"),
        "after": tuple_(at, source.c.id)
        < tuple_(bindparam("after_at", type_=at.type), bindparam("after_id", type_=Uuid)),
    }
    return [condition for name, condition in conditions.items() if name in given]


def _is(*names: str) -> list[ColumnElement[bool]]:
    return [payments.c[name] == bindparam(name) for name in names]
