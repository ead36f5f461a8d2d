"""The connection to EC2: one call at a time, under the deadline of the operation it belongs to.

One rule: the SDK never tries again by itself. A read is repeated until the deadline; a change is
repeated only where EC2 said that it had not acted.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from hafw.api_budget import Budget, Quota, Spending, Use
from hafw.hooks.errors import Misconfigured, Retryable, UnknownOutcome
from hafw.net.clock import boot_ns
from hafw.providers.aws.errors import meaning

if TYPE_CHECKING:
    from hafw.providers.aws.calls import Call

TIMEOUTS_S: Final = (2.0, 1.0, 0.5, 0.25)
"""Timeouts belong to the client, and clients are dear: so they come in few lengths."""
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
LONGEST_LOOK_S: Final = 1.0
"""EC2 moves an address asynchronously, and shows it when it likes: asking faster is no use."""
QUOTA: Final = Quota(burst=100, per_s=5.0)
"""What EC2 allows of *each* action, by its documentation: 100 at once, then 20 a second. A takeover
takes three actions and more, and the account has other users: so this is for all of them together.
"""
_DRAWN: Final = random.SystemRandom()

_session_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Where:
    """The region and endpoint of EC2; None: as the SDK finds them."""

    region: str | None
    endpoint: str | None


class Ec2:
    """EC2 of one region, for one operation that ends at `until_ns` (BOOTTIME)."""

    def __init__(self, where: Where, until_ns: int, use: Use = Use.ROUTINE) -> None:
        """No call is made yet.

        `in_doubt`: a change was sent and not answered, or only a part of one was made.
        """
        self.spending = Spending(_budget(where), use)
        self._where = where
        self._until_ns = until_ns
        self._look_s = FIRST_PAUSE_S / 2
        self._made: list[str] = []
        self.in_doubt = False

    def prepare(self) -> None:
        """Make every client that a call may need: each takes a tenth of a second and more."""
        for length in TIMEOUTS_S:
            _client(self._where, length)

    def credentials(self) -> tuple[str, bool] | None:
        """How the SDK came by its credentials, and whether they are of the kind that expires."""
        with _session_lock:
            found = _session().get_credentials()
        return None if found is None else (str(found.method), bool(found.token))

    def call(self, what: Call, **parameters: object) -> dict[str, Any]:
        """Make a call, as often as that is safe. Raises the errors of the contract."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return self._once(what, parameters)
            except Retryable as busy:
                wait_s = max(busy.after_s, pause_s * _DRAWN.uniform(0.5, 1.0))
                if not self.pause(wait_s):
                    raise
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def again(self) -> bool:
        """Wait before another look, longer each time; False: there is no time for one."""
        self._look_s = min(self._look_s * 2, LONGEST_LOOK_S)
        return self.pause(self._look_s)

    def pause(self, seconds: float) -> bool:
        """Wait, and say whether there is time for another call after that; if not, do not wait."""
        if self.left_s() <= seconds + TIMEOUTS_S[-1]:
            return False
        time.sleep(seconds)
        return True

    def told(self) -> str:
        """The calls that were answered, with the ids that Amazon's support asks for."""
        return "; ".join(self._made)

    def within(self, seconds: float) -> Ec2:
        """The same, for calls that shall end earlier."""
        sooner = Ec2(self._where, min(self._until_ns, boot_ns() + int(seconds * 1e9)))
        sooner._made, sooner.spending = self._made, self.spending
        return sooner

    def left_s(self) -> float:
        """How long the operation may still take."""
        return (self._until_ns - boot_ns()) / 1e9

    def _once(self, what: Call, parameters: dict[str, object]) -> dict[str, Any]:
        left_s = self.left_s()
        if left_s <= 0:
            raise Retryable(f"{what.name} was not sent: its deadline had passed", 0.0)
        self.spending.take(what.name, boot_ns())
        # Connecting may take one timeout, and the answer another.
        half_s = next((length for length in TIMEOUTS_S if length <= left_s / 2), left_s / 2)
        client = _client(self._where, half_s)
        try:
            answer: dict[str, Any] = getattr(client, xform_name(what.name))(**parameters)
        except (ClientError, BotoCoreError) as problem:
            error = meaning(what, problem)
            self.in_doubt = self.in_doubt or isinstance(error, UnknownOutcome)
            if isinstance(error, Retryable):
                self.spending.refused(what.name, error.after_s, boot_ns())
            raise error from None
        about = answer.pop("ResponseMetadata", {})
        self._made.append(f"{what.name} {about.get('RequestId', '')}")
        return answer


@lru_cache(maxsize=16)
def _client(where: Where, timeout_s: float) -> Any:  # noqa: ANN401 - boto3 has no types
    config = Config(
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
        retries={"total_max_attempts": 1},
        tcp_keepalive=True,
    )
    with _session_lock:  # sessions are not made for several threads; clients are
        try:
            return _session().client(
                "ec2", region_name=where.region, endpoint_url=where.endpoint, config=config
            )
        except NoRegionError:
            raise Misconfigured(
                'no region is known; write region = "…" beside the VIP or the disk'
            ) from None
        except ValueError as problem:
            raise Misconfigured(f"EC2: {problem}") from None


@lru_cache(maxsize=4)
def _budget(where: Where) -> Budget:
    """This node's: the account is that of the SDK's credentials."""
    return Budget(f"EC2 in {where.region}" if where.region else "EC2", QUOTA)


@lru_cache(maxsize=1)
def _session() -> boto3.session.Session:
    return boto3.session.Session()


def forget() -> None:
    """Forget connections, credentials, what was spent: the environment says something else now."""
    _client.cache_clear()
    _budget.cache_clear()
    _session.cache_clear()
