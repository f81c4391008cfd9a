"""Due work of alarms: those that are to be mailed. One mail at a time in each worker."""

from app.alarms.service import AlarmService
from app.db.database import Database
from app.db.due_work import DueTable, DueWork, Pump
from app.domain.schedule import LEASE_MARGIN_S, MAIL_DEADLINE_S

KIND = "alarms"


def due_alarms(database: Database, alarms: AlarmService) -> DueWork:
    """An alarm is due a while after it was raised, and later where the mail server did not take it."""
    rows = DueTable(database, "alarms", due_at="due_at", payment_id="NULL::uuid", is_keyed_by_payment=False)
    deadline_s = 2 * MAIL_DEADLINE_S
    return DueWork(KIND, rows, alarms.mail, deadline_s, deadline_s + LEASE_MARGIN_S, alarms.put_off, hands=1)


def look_for_alarms(alarms: AlarmService) -> Pump:
    """Looks what calls a person by now."""
    return Pump(KIND + "_raised", alarms.look, then=KIND)
