"""A webhook that is not kept is counted, whatever is wrong with it: before it is read where anybody may have sent it."""

import gzip
from collections.abc import AsyncIterator, Callable

import pytest

from app.db.database import Database
from app.domain import ids
from app.settings import Settings
from simulator.server import Simulator
from tests.api.checks import row_counts
from tests.api.house import house
from tests.flows.webhooks.senders import JSON, UNIFI_PATH, Post, v2, v2_body
from tests.support import MovableClock
from tests.support.databases import Urls
from tests.support.settings import settings_for


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    """All four gateways behind one proxy, which is the only one that may say where a call came from."""
    return settings_for(urls, simulator, trusted_proxies=1)


UNKEPT = {
    "says nothing": (b"x" * 1000, 422),
    "is cut": (gzip.compress(b"{}")[:-9], 422),
    "is too large": (b"x" * 17_000, 413),
    "is much too large": (b"x" * 300_000, 413),
    "holds too much": (gzip.compress(b"x" * 17_000), 413),
}
APP_ID_ALONE = {"x-appid": "app"}


@pytest.mark.parametrize(("body", "status"), UNKEPT.values(), ids=UNKEPT)
@pytest.mark.parametrize(
    ("path", "headers"), [("/webhooks/portone-v1", {}), (UNIFI_PATH, {}), (UNIFI_PATH, APP_ID_ALONE)]
)
async def test_an_unsigned_webhook_that_is_not_kept_uses_up_the_budget_and_too_large_a_one_is_not_read_for_sense(
    settings: Settings,
    clock: MovableClock,
    api_key: str,
    database: Database,
    path: str,
    headers: dict[str, str],
    body: bytes,
    status: int,
) -> None:
    async with house(settings, clock, api_key, source_per_s=0.1) as at:
        post = Post(path, JSON | headers, body)
        assert [(await at.post(post)).status_code for _ in range(3)] == [status, 429, 429]
        assert (await row_counts(database))["webhook_inbox"] == 0


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda post: Post(post.path, {}, post.content), 401),
        (lambda post: Post(post.path, post.headers, b"x" * 300_000), 413),
        (lambda post: Post(post.path, post.headers, gzip.compress(b"x" * 300_000)), 413),
        (lambda post: Post(post.path, post.headers, gzip.compress(post.content)[:-9]), 422),
        (lambda post: post, 422),
    ],
    ids=["unsigned", "large", "bomb", "cut", "says nothing"],
)
async def test_a_signed_gateways_webhook_that_is_not_kept_uses_it_up_too(
    settings: Settings, clock: MovableClock, api_key: str, change: Callable[[Post], Post], status: int
) -> None:
    async with house(settings, clock, api_key, source_per_s=0.1) as at:
        post = change(v2(settings, b"says nothing"))
        assert [(await at.post(post)).status_code for _ in range(3)] == [status, 429, 429]
        good = v2(settings, v2_body(ids.reference(ids.uuid7(), 1)))
        assert (await at.post(good)).status_code == 200


@pytest.mark.parametrize("path", ["/webhooks/portone-v1", UNIFI_PATH])
async def test_of_an_unsigned_webhook_over_the_budget_no_byte_is_read(
    settings: Settings, clock: MovableClock, api_key: str, path: str
) -> None:
    given = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal given
        given += 1
        yield b"{}"

    async with house(settings, clock, api_key, source_per_s=0.1) as at:
        statuses = [(await at.post(Post(path, JSON, b"x"))).status_code]
        statuses.append((await at.send(path, body())).status_code)
    assert (statuses, given) == ([422, 429], 0)
