"""Raises alarms and mails them. Once for each step and cause, by whichever worker claims the row; several go in one mail."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from app.alarms.mail import Mailer, MailNotTaken
from app.alarms.message import mail_of
from app.alarms.model import Alarm
from app.alarms.repository import AlarmRepository
from app.db.due_work import DueRow
from app.domain.clock import Now
from app.domain.language import Language
from app.domain.schedule import (
    ALARMS_EVERY_S,
    ALARMS_GATHERED_S,
    LEASE_MARGIN_S,
    MAIL_AGAIN,
    MAIL_DEADLINE_S,
    MAIL_TRIED_FOR,
    PUT_OFF_S,
)
from app.logs import get_logger
from app.metrics import ALARM_MAILS

log = get_logger("alarms")

LEASE_S = 2 * MAIL_DEADLINE_S + LEASE_MARGIN_S
"""How long those are held that go in one mail."""


class AlarmService:
    """Without a mailer nothing is raised or sent: the log and the metrics are all there is."""

    def __init__(
        self, repository: AlarmRepository, mailer: Mailer | None, language: Language, time_scale: float, now: Now
    ) -> None:
        self._repository = repository
        self._mailer = mailer
        self._language = language
        self._scale = time_scale
        self._now = now
        self._looks_at: datetime | None = None

    async def look(self) -> int:
        """Raise what calls a person by now, and end what does not any more. Returns how many were raised."""
        now = self._now()
        if self._mailer is None or (self._looks_at is not None and now < self._looks_at):
            return 0
        raised = await self._repository.raise_new(now, now + timedelta(seconds=ALARMS_GATHERED_S / self._scale))
        for each in raised:
            log.warning("alarm_raised", kind=each["kind"], subject=str(each["subject_id"]), step=each["step"])
        if not raised:
            await self._repository.end_old(now)
            self._looks_at = now + timedelta(seconds=ALARMS_EVERY_S / self._scale)
        return len(raised)

    async def mail(self, row: DueRow) -> None:
        """Mail this alarm and all others that wait. What ended meanwhile is told to nobody."""
        now = self._now()
        alarms = await self._repository.claimed(row.id, row.due_at, now, now + timedelta(seconds=LEASE_S))
        if not alarms or self._mailer is None:
            return
        told = await self._repository.told(alarms)
        try:
            if told:
                await self._mailer.send(mail_of(told, self._language))
        except MailNotTaken as error:
            await self._later(alarms, str(error))
            return
        await self._repository.mailed(alarms, self._now())
        if told:
            ALARM_MAILS.labels("sent").inc()
            log.info("alarms_mailed", alarms=len(told))

    async def put_off(self, row: DueRow) -> None:
        """Mailing broke: come back to it later."""
        now = self._now()
        alarms = await self._repository.claimed(row.id, row.due_at, now, now)
        later = now + timedelta(seconds=PUT_OFF_S / self._scale)
        await self._repository.again([(each, later) for each in alarms if each.id == row.id])

    async def gauges(self) -> Mapping[str, tuple[str, float]]:
        """What is raised and not mailed, for `/metrics`."""
        unmailed, age = await self._repository.unmailed(self._now()) if self._mailer else (0, timedelta())
        return {
            "onetill_alarms_unmailed": ("Alarms that no mail has told yet.", float(unmailed)),
            "onetill_oldest_unmailed_alarm_seconds": ("Age of the oldest of them.", age.total_seconds()),
        }

    async def _later(self, alarms: Sequence[Alarm], why: str) -> None:
        """The mail server did not take it: each is tried again for a while, then given up."""
        now = self._now()
        over = now - MAIL_TRIED_FOR / self._scale
        waits = {each: MAIL_AGAIN[min(each.mail_attempts, len(MAIL_AGAIN) - 1)] / self._scale for each in alarms}
        next_at = [
            (each, None if each.raised_at < over else now + timedelta(seconds=wait)) for each, wait in waits.items()
        ]
        await self._repository.again(next_at)
        ALARM_MAILS.labels("failed").inc()
        log.error("alarms_not_mailed", alarms=len(alarms), reason=why)
        if given_up := [each for each, at in next_at if at is None]:
            ALARM_MAILS.labels("given_up").inc()
            log.error("alarms_given_up", alarms=len(given_up), reason=why)
