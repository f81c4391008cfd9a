"""The mail about alarms, in English or Korean: what it is, since when, what waits, and the commands that mend it.

What a shop or its server wrote stands on one line of its own, short and printable; in commands it is quoted.
"""

import shlex
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from app.alarms import korean
from app.alarms.mail import Mail
from app.alarms.model import GONE, CallingPayment, FailingEndpoint, Told
from app.alarms.repository import MOST_COUNTED
from app.alarms.texts import TEXTS
from app.domain import ids
from app.domain.language import Language
from app.domain.schedule import ALARM_PERCENTS, FAILING_FOR

LISTED = 20
"""Of each kind that one mail tells in full."""

LONGEST = 200
"""Characters of what somebody else wrote."""

_LAST = str(ALARM_PERCENTS[-1])


def mail_of(told: Sequence[Told], language: Language) -> Mail:
    """One mail about all of these."""
    texts = TEXTS[language]
    endpoints = [each for each in told if isinstance(each, FailingEndpoint)]
    payments = [each for each in told if isinstance(each, CallingPayment)]
    parts = ["\n".join(_endpoint(each, texts)) for each in endpoints[:LISTED]]
    parts += ["\n".join(_payment(each, texts, language)) for each in payments[:LISTED]]
    if rest := len(endpoints[LISTED:]) + len(payments[LISTED:]):
        parts.append(texts["more"].format(count=rest))
    head = _headline(told[0], texts) if len(told) == 1 else texts["many"].format(count=len(told))
    return Mail(f"Onetill: {head}", "\n\n".join([*parts, f"-- \n{texts['end']}\n"]))


def trial_mail(language: Language) -> Mail:
    """What shows that mails arrive."""
    texts = TEXTS[language]
    return Mail(f"Onetill: {texts['test']}", texts["test_text"] + "\n")


def _headline(told: Told, texts: dict[str, str]) -> str:
    if isinstance(told, CallingPayment):
        return texts["payment"].format(id=ids.show(ids.Prefix.PAYMENT, told.id))
    return texts[_state(told)].format(host=_line(told.host, 100), step=told.step, days=FAILING_FOR.days)


def _endpoint(told: FailingEndpoint, texts: dict[str, str]) -> Iterator[str]:
    state, public_id, store = _state(told), ids.show(ids.Prefix.ENDPOINT, told.id), shlex.quote(_line(told.store))
    yield texts["endpoint_lines"].format(
        host=_line(told.host), id=public_id, store=_line(told.store), description=_line(told.description) or texts["none"],
        state=texts[f"endpoint_{state}"].format(step=told.step, days=FAILING_FOR.days), since=_moment(told.since),
        answered=_line(told.answered) or texts["none"], waiting=_waiting(told, texts),
    )  # fmt: skip
    yield "  " + texts["mend_failing" if state == "failing" else "mend_paused"].format(id=public_id)
    yield f"    onetill notifications list --store {store} --endpoint {public_id}"
    if state != "failing":
        yield f"    onetill notifications resume {public_id} --store {store}"


def _payment(told: CallingPayment, texts: dict[str, str], language: Language) -> Iterator[str]:
    public_id = ids.show(ids.Prefix.PAYMENT, told.id)
    yield texts["payment_lines"].format(
        id=public_id, store=_line(told.store), order=_line(told.order_id), amount=told.amount, gateway=told.gateway,
        status=told.status, code=told.attention,
        why=korean.SENTENCES[told.attention] if language == "ko" else told.attention.sentence,
    )  # fmt: skip
    yield "  " + texts["decide"]
    yield f"    onetill payments exchanges {public_id}"
    yield f"    onetill payments resolve {public_id} ACTION --note TEXT"


def _state(told: FailingEndpoint) -> str:
    return "gone" if told.step == GONE else "paused" if told.step == _LAST and told.is_paused else "failing"


def _waiting(told: FailingEndpoint, texts: dict[str, str]) -> str:
    if not told.waiting or told.oldest is None:
        return texts["nothing"]
    is_over = told.waiting > MOST_COUNTED
    count = texts["over"].format(count=MOST_COUNTED) if is_over else str(told.waiting)
    return texts["waiting"].format(count=count, oldest=_moment(told.oldest))


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _line(text: str, longest: int = LONGEST) -> str:
    """What somebody else wrote, as one line that shows as it is."""
    return "".join(each if each.isprintable() else " " for each in text)[:longest].strip()
