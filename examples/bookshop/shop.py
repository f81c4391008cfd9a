"""A bookshop's server, as far as money is concerned: it takes an order, finds out about its payment, delivers once, refunds."""

import sqlite3

from onetill_client import Onetill, OnetillProblem
from onetill_client.models import CustomerIn, PaymentView

UNDECIDED = {"open", "processing"}
"""Where asking the gateway now may help. What this shop does not know waits too."""
UNPAID = {"canceled", "expired"}


class Bookshop:
    """Orders in SQLite. Every method may be called twice, by two at once, and after a crash in between.

    Raises LookupError for an order that was never taken, and to give back what was never asked for.
    """

    def __init__(self, onetill: Onetill, database: str, return_url: str = "https://bookshop.example/orders") -> None:
        self._onetill = onetill
        self._return_url = return_url
        self._orders = sqlite3.connect(database, isolation_level=None)
        self._orders.row_factory = sqlite3.Row
        self._orders.execute(
            "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, price INTEGER, currency TEXT, payment_id TEXT,"
            " tries INTEGER DEFAULT 0, state TEXT DEFAULT 'waiting', parcels INTEGER DEFAULT 0)"
        )
        self._orders.execute("CREATE TABLE IF NOT EXISTS feed (position INTEGER)")

    def order(
        self, order_id: str, price: int, currency: str, *, customer: CustomerIn, gateway: str | None = None
    ) -> PaymentView:
        """Ask for the money of an order: by the payment that it has, or a new one once that has ended unpaid.

        The buyer goes on at the payment's `checkout_url`.
        """
        self._orders.execute(
            "INSERT INTO orders (id, price, currency) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (order_id, price, currency),
        )
        while True:  # for 30 days a key answers what was so when it came first: what is so now is read
            known = self._find(order_id)
            if known["payment_id"] is not None:
                payment = self._onetill.get_payment(known["payment_id"])
                if payment["status"] not in UNPAID:
                    return payment
            number = known["tries"] + 1
            made = self._onetill.create_payment(
                idempotency_key=f"bookshop-{order_id}-{number}",  # the order and its try: a retry is no second payment
                order_id=order_id,
                order_name="A book",
                amount=known["price"],
                currency=known["currency"],
                customer=customer,
                gateway=gateway,
                return_url=f"{self._return_url}/{order_id}",
            )
            self._orders.execute(
                "UPDATE orders SET payment_id = ?, tries = ?, state = REPLACE(state, 'unpaid', 'waiting')"
                " WHERE id = ? AND tries < ?",
                (made["id"], number, order_id, number),
            )

    def settle(self, order_id: str) -> str:
        """Find out, and deliver what is paid: when the buyer is back, when a webhook comes, and now and then. Its state."""
        order = self._find(order_id)
        if order["payment_id"] is None:  # it ended between the order and the answer: `order` goes on there
            return self.state(order_id)
        payment = self._onetill.get_payment(order["payment_id"])
        if payment["status"] in UNDECIDED:
            payment = self._ask(payment["id"])
        told = (payment["order_id"], payment["amount"], payment["currency"])
        is_ours = told == (order["id"], order["price"], order["currency"])
        if payment["status"] == "paid" and is_ours:
            self._orders.execute(
                "UPDATE orders SET state = 'delivered', parcels = parcels + 1 WHERE id = ? AND state <> 'delivered'",
                (order_id,),
            )
        elif payment["status"] in UNPAID:
            self._orders.execute(
                "UPDATE orders SET state = 'unpaid' WHERE id = ? AND payment_id = ? AND state = 'waiting'",
                (order_id, payment["id"]),
            )
        return self.state(order_id)

    def catch_up(self) -> None:
        """Read what happened since the last time, and settle the orders that it is about. Instead of webhooks, or below them."""
        (position,) = self._orders.execute("SELECT COALESCE(MAX(position), 0) FROM feed").fetchone()
        while (page := self._onetill.list_events(after=position))["data"]:
            for event in page["data"]:
                for (order_id,) in self._orders.execute(
                    "SELECT id FROM orders WHERE payment_id = ?", (event["payment_id"],)
                ).fetchall():
                    self.settle(order_id)
            position = page["next_cursor"]
            self._orders.execute("INSERT INTO feed VALUES (?)", (position,))

    def take_back(self, order_id: str, reason: str) -> str:
        """Refund a delivered order, all that is left of it; the refund's status. After a refusal it is a new try."""
        payment_id = self._find(order_id)["payment_id"]
        if payment_id is None:
            raise LookupError(f"nothing was paid for order {order_id}")
        refused = [each for each in self._onetill.list_refunds(payment_id)["data"] if each["status"] == "failed"]
        key = f"bookshop-{order_id}-back-{len(refused) + 1}"  # one for each refund that is meant: a retry is no second refund
        return self._onetill.create_refund(payment_id, idempotency_key=key, reason=reason)["status"]

    def close(self) -> None:
        """Close the books."""
        self._orders.close()

    def _ask(self, payment_id: str) -> PaymentView:
        """The payment after its gateway was asked. Money that is not this order's goes back by itself; the order waits."""
        try:
            return self._onetill.sync_payment(payment_id)
        except OnetillProblem as problem:
            if problem.code != "result_mismatch":
                raise
            return self._onetill.get_payment(payment_id)

    def state(self, order_id: str) -> str:
        """`waiting`, `delivered` or `unpaid`."""
        return str(self._find(order_id)["state"])

    def parcels(self, order_id: str) -> int:
        """How often it was delivered."""
        return int(self._find(order_id)["parcels"])

    def _find(self, order_id: str) -> sqlite3.Row:
        found: sqlite3.Row | None = self._orders.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
        if found is None:
            raise LookupError(f"there is no order {order_id}")
        return found
