"""The calls of `calls.py`, made: each under the deadline of the operation that it belongs to.

One rule: the SDK never tries again by itself, and never waits by itself. A change is over when the
resource shows another ETag than before and is provisioned; until then it is an unknown outcome.

Importing this module imports Azure's SDKs, which takes seconds: the provider does so when it is
warmed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from azure.core.exceptions import AzureError
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.rest import HttpRequest
from azure.identity import DefaultAzureCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.network import NetworkManagementClient

from hafw.api_budget import Budget, Quota, Spending, Use
from hafw.hooks.errors import Denied, ProviderError, Retryable, UnknownOutcome
from hafw.net.clock import boot_ns
from hafw.providers.azure import calls, metadata, replies
from hafw.providers.azure.errors import Busy, Unanswered
from hafw.providers.azure.values import UPDATING, Document, Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.credentials import AccessToken
    from azure.core.pipeline import PipelineResponse

    from hafw.providers.azure.calls import Call
    from hafw.providers.azure.values import Json

T = TypeVar("T")

ENDPOINT: Final = "https://management.azure.com"
CONNECT_S: Final = 2.0
CALL_S: Final = 5.0
"""The longest that one try of a call may wait for its answer."""
QUOTA: Final = Quota(burst=150, per_s=4.0)
"""Azure allows a principal in a subscription, by its documentation, 250 reads at once and 25 a
second, 200 writes at once and 10 a second. Both nodes together do less than its writes alone.
"""
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
_PERMISSIONS: Final = "/providers/Microsoft.Authorization/permissions?api-version=2022-04-01"


@dataclass(frozen=True, slots=True)
class Where:
    """A resource group; `endpoint`: where Azure Resource Manager is, empty: the public cloud's."""

    subscription: str
    group: str
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class Clients:
    """The SDK's clients of one subscription; `credential`: None by plain HTTP."""

    network: NetworkManagementClient
    compute: ComputeManagementClient
    credential: DefaultAzureCredential | None


class Arm:
    """A resource group, for one operation that ends at `until_ns` (BOOTTIME)."""

    def __init__(
        self,
        where: Where,
        until_ns: int,
        clients: Clients | None = None,
        use: Use = Use.ROUTINE,
    ) -> None:
        """No call is made yet. `made` are those that were: their names and request ids.

        `acted`: something was sent that was not refused, so it may have an effect.
        """
        self.where, self._until_ns = where, until_ns
        self.clients = clients or _connected(where)
        self._pause_s = FIRST_PAUSE_S
        self.spending = Spending(_budget(where.subscription, where.endpoint), use)
        self.made: list[str] = []
        self.acted = False

    def left_s(self) -> float:
        """How long the operation may still take."""
        return (self._until_ns - boot_ns()) / 1e9

    def again(self, after_s: float = 0.0) -> bool:
        """Wait, at least `after_s` and longer each time; False: there is no time for that."""
        pause_s = max(after_s, self._pause_s)
        if self.left_s() <= pause_s:
            return False
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
        time.sleep(pause_s)
        return True

    def within(self, seconds: float) -> Arm:
        """The same, for calls that shall end earlier."""
        until_ns = min(self._until_ns, boot_ns() + int(seconds * 1e9))
        sooner = Arm(self.where, until_ns, self.clients)
        sooner.spending = self.spending
        return sooner

    def token_left_s(self) -> float | None:
        """How long a token of now lasts; None: none is needed. Raises Denied without one."""
        if self.clients.credential is None:
            return None
        scope = f"{self.where.endpoint or ENDPOINT}/.default"
        try:
            token = self.clients.credential.get_token(scope)
        except AzureError as problem:
            raise Denied(
                f"no token can be had: {problem}; give this machine a managed identity"
            ) from None
        return token.expires_on - time.time()

    def nic(self, name: str) -> Document:
        """Read a network interface. Raises Missing where there is none of that name."""
        interfaces = self.clients.network.network_interfaces
        return self._read(
            calls.NIC_GET, lambda **how: interfaces.get(self.where.group, name, **how)
        )

    def nics(self) -> list[Document]:
        """Read every network interface of the resource group."""
        interfaces = self.clients.network.network_interfaces

        def send(**how: Any) -> list[Document]:  # noqa: ANN401 - as the SDK takes them
            return [_document(one) for one in interfaces.list(self.where.group, **how)]

        return self.make(calls.NICS_LIST, send)

    def write_nic(self, wanted: Document) -> Document:
        """Replace an interface if it still has the ETag of `wanted`; what it is then."""
        send = self.clients.network.network_interfaces.begin_create_or_update
        return self._write(calls.NIC_PUT, send, wanted, self.nic)

    def carry(self, config: str, network: str, target: Document) -> Document:
        """Let Azure move an IP configuration, by its path, to an interface; what that is then.

        `network`: the path of the virtual network that both interfaces are in.
        """
        move = self.clients.network.virtual_networks.begin_move_ip_configurations
        _, _, _, _, group, *_, name = network.split("/")
        wanted = f"{target.id}/ipConfigurations/{config.rpartition('/')[2]}"
        item = {"sourceIpConfiguration": {"id": config}, "targetIpConfiguration": {"id": wanted}}
        body: Any = {"moveIpConfigurationItems": [item]}
        self.make(calls.CONFIGS_MOVE, lambda **how: move(group, name, body, polling=False, **how))
        return self._settled(target, self.nic)

    def table(self, name: str) -> Document:
        """Read a route table. Raises Missing where there is none of that name."""
        get = self.clients.network.route_tables.get
        return self._read(calls.TABLE_GET, lambda **how: get(self.where.group, name, **how))

    def write_table(self, wanted: Document) -> Document:
        """Replace a route table if it still has the ETag of `wanted`; what it is then."""
        send = self.clients.network.route_tables.begin_create_or_update
        return self._write(calls.TABLE_PUT, send, wanted, self.table)

    def balancer(self, name: str) -> Document:
        """Read a load balancer. Raises Missing where there is none of that name."""
        get = self.clients.network.load_balancers.get
        return self._read(calls.BALANCER_GET, lambda **how: get(self.where.group, name, **how))

    def public_address(self, path: str) -> str:
        """Read which address it is that has this path; empty: none yet. Raises Missing."""
        get = self.clients.network.public_ip_addresses.get
        _, _, _, _, group, *_, name = path.split("/")
        found = self._read(calls.PUBLIC_GET, lambda **how: get(group, name, **how))
        return str(found.body["properties"].get("ipAddress", ""))

    def server(self, name: str) -> Server:
        """Read a virtual machine and its power state. Raises Missing."""
        machines = self.clients.compute.virtual_machines
        found = self.make(
            calls.VM_GET,
            lambda **how: machines.get(
                self.where.group, name, expand="instanceView", **how
            ).as_dict(),
        )
        statuses = found["properties"].get("instanceView", {}).get("statuses", [])
        states = [str(one.get("code", "")).partition("PowerState/")[2] for one in statuses]
        return Server(
            id=str(found["id"]),
            vm_id=str(found["properties"]["vmId"]),
            power=next(filter(None, states), "unknown"),
            scale_set=str((found["properties"].get("virtualMachineScaleSet") or {}).get("id", "")),
            state=str(found["properties"].get("provisioningState", "")),
            zones=frozenset(found.get("zones") or ()),
            disks=_disks(found),
        )

    def power_off(self, name: str) -> None:
        """Cut the power of a virtual machine; only whoever reads its state knows when it is off."""
        machines = self.clients.compute.virtual_machines
        self.make(
            calls.POWER_OFF,
            lambda **how: machines.begin_power_off(
                self.where.group, name, skip_shutdown=True, polling=False, **how
            ),
        )

    def lacking(self, scope: str, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the `wanted` permissions on `scope` that this node does not have."""

        def send(**how: Any) -> list[Json]:  # noqa: ANN401 - as the SDK takes them
            ask = HttpRequest("GET", f"{self.where.endpoint or ENDPOINT}{scope}{_PERMISSIONS}")
            answer = self.clients.network.send_request(ask, **how)
            answer.raise_for_status()
            return list(answer.json()["value"])

        granted = self.make(calls.PERMISSIONS_LIST, send)
        return tuple(one for one in wanted if not any(_allows(grant, one) for grant in granted))

    def _read(self, call: Call, send: Callable[..., Any]) -> Document:
        return self.make(call, lambda **how: _document(send(**how)))

    def _write(
        self,
        call: Call,
        send: Callable[..., object],
        wanted: Document,
        read: Callable[[str], Document],
    ) -> Document:
        """Send a conditional PUT, and read the resource until it is provisioned."""
        self.make(
            call,
            lambda **how: send(
                self.where.group,
                wanted.name,
                wanted.body,
                headers={"If-Match": wanted.etag},
                polling=False,
                **how,
            ),
        )
        return self._settled(wanted, read)

    def _settled(self, before: Document, read: Callable[[str], Document]) -> Document:
        """Read a resource, which was asked to change, until it has and is provisioned."""
        self._pause_s, name = FIRST_PAUSE_S, before.name
        while True:
            try:
                found = read(name)
            except ProviderError as problem:
                told = f"the change of {name} was accepted and not seen to end: {problem}"
                raise UnknownOutcome(told) from None
            fresh = found.etag != before.etag  # with the old one, the read is out of date
            if fresh and found.settled:
                return found
            if fresh and found.state != UPDATING:
                raise UnknownOutcome(f"the change of {name} ended as {found.state}")
            if not self.again():
                raise UnknownOutcome(f"the change of {name} was not seen to end in time")

    def make(self, call: Call, send: Callable[..., T]) -> T:
        """Make one call, again where it was refused for the time being, until the deadline."""
        while True:
            try:
                return self._once(call, send)
            except Busy:
                raise
            except Retryable as problem:
                if not self.again(problem.after_s):
                    raise
            except Unanswered as problem:
                if call.retry is calls.Retry.DECIDE:
                    self.acted = True
                    raise
                if not self.again(problem.after_s):
                    raise Retryable(str(problem), problem.after_s) from None

    def _once(self, call: Call, send: Callable[..., T]) -> T:
        left_s = self.left_s()
        if left_s <= 0:
            raise Retryable(f"{call.name} was not sent: its deadline had passed", 0.0)
        self.spending.take(call.name, boot_ns())

        def note(response: PipelineResponse[Any, Any]) -> None:
            number = response.http_response.headers.get("x-ms-request-id", "")
            self.made.append(f"{call.name} {number}".strip())

        try:
            answer = send(
                connection_timeout=min(CONNECT_S, left_s),
                read_timeout=min(CALL_S, left_s),
                raw_response_hook=note,
            )
        except AzureError as problem:
            error = replies.of_call(call, problem)
            if isinstance(error, (Retryable, Unanswered)) and not isinstance(error, Busy):
                self.spending.refused(call.name, error.after_s, boot_ns())
            raise error from None
        self.acted = self.acted or call.retry is calls.Retry.DECIDE
        return answer


class _Nobody:
    """Credentials for plain HTTP, on which a token would be in the open."""

    def get_token(self, *_: str, **__: object) -> AccessToken:
        """Never asked."""
        raise AssertionError("no token is sent by plain HTTP")


@lru_cache(maxsize=4)
def _budget(subscription: str, endpoint: str) -> Budget:
    """This node's: its managed identity has a budget of its own in each subscription."""
    del subscription, endpoint
    return Budget("Azure", QUOTA)


@lru_cache(maxsize=4)
def _connected(where: Where) -> Clients:
    return connect(where.subscription, where.endpoint)


def connect(subscription: str, endpoint: str, **options: Any) -> Clients:  # noqa: ANN401
    """Clients that try once; nothing is sent yet. `options`: such as another transport."""
    metadata.go_direct()
    base = endpoint or ENDPOINT
    plain = base.startswith("http://")
    options |= {
        "base_url": base,
        "credential_scopes": [f"{base}/.default"],
        "retry_total": 0,
        "logging_enable": False,
    }
    if plain:
        options["authentication_policy"] = SansIOHTTPPolicy()
    own = None if plain else DefaultAzureCredential()
    credential: Any = own or _Nobody()
    return Clients(
        network=NetworkManagementClient(credential, subscription, **options),
        compute=ComputeManagementClient(credential, subscription, **options),
        credential=own,
    )


def _document(found: Any) -> Document:  # noqa: ANN401 - any of the SDK's models
    return Document(found.as_dict())


def _disks(machine: Json) -> dict[str, bool]:
    """The managed data disks that a machine lists: whether each of them is on its way out."""
    listed = (machine["properties"].get("storageProfile") or {}).get("dataDisks") or []
    return {
        str(one["managedDisk"]["id"]).lower(): bool(one.get("toBeDetached"))
        for one in listed
        if one.get("managedDisk")
    }


def _allows(grant: Json, wanted: str) -> bool:
    """Whether a grant has `wanted` among its actions and not among those it takes out."""

    def has(key: str) -> bool:
        patterns = grant.get(key) or []
        return any(fnmatchcase(wanted.lower(), str(one).lower()) for one in patterns)

    return has("actions") and not has("notActions")
