"""The calls of `calls.py`, made: each under a deadline, tried again only as its class allows.

One rule: a change is over when its operation is DONE without an error; whatever may have arrived
and was not seen to end is an unknown outcome.

Importing this module imports Google's SDK, which takes seconds: the provider does so when it is
warmed.
"""

from __future__ import annotations

import copy
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import uuid4

import google.auth
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import from_http_response
from google.auth.credentials import AnonymousCredentials
from google.cloud import compute_v1
from requests.adapters import HTTPAdapter

from hafw.api_budget import Budget, Quota, Spending, Use
from hafw.hooks.errors import (
    Conflict,
    Denied,
    ProviderError,
    Retryable,
    UnknownOutcome,
)
from hafw.net.clock import boot_ns
from hafw.providers.gcp import calls, metadata, replies
from hafw.providers.gcp.errors import Busy, Missing, Unanswered
from hafw.providers.gcp.values import Alias, Interface, Machine, Route, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from requests import PreparedRequest, Response
    from requests.adapters import BaseAdapter

    from hafw.providers.gcp.calls import Call

T = TypeVar("T")
_Operation = Any  # the SDK has no types

CONNECT_S: Final = 2.0
CALL_S: Final = 5.0
"""The longest that one try of a call may wait for its answer."""
WAIT_S: Final = 20.0
"""The same for the calls that the service itself holds back until an operation ends."""
QUOTA: Final = Quota(burst=200, per_s=5.0)
"""Compute Engine allows a project, by its documentation, 1,500 calls of one kind in a minute. Both
nodes together make at most 1,000 in their first, and 600 in every other.
"""
_PAUSES_S: Final = (0.1, 0.25, 0.5, 1.0, 2.0)
"""Between tries where the service does not say; the last is repeated."""
_SCOPES: Final = ("https://www.googleapis.com/auth/compute",)


class _Adapter(HTTPAdapter):
    """One pool of connections, and a time of its own to connect: the SDK gives one for both."""

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401
        """Send, with a time to connect that is not the time to read."""
        read_s = kwargs.pop("timeout", None) or CALL_S
        kwargs["timeout"] = (min(CONNECT_S, read_s), read_s)
        return super().send(request, *args, **kwargs)


@lru_cache(maxsize=4)
def compute(endpoint: str) -> Compute:
    """The API at `endpoint`; empty: Google's own, or that of the universe of the credentials."""
    return Compute(endpoint)


class Compute:
    """Compute Engine, with this instance's credentials."""

    def __init__(self, endpoint: str = "", transport: BaseAdapter | None = None) -> None:
        """Connect nowhere yet; `transport`: instead of HTTP. Raises Denied without credentials.

        `credentials_kind`: the module of Google's SDK that they come from.
        """
        metadata.go_direct()
        self._endpoint = endpoint
        self.spending = Spending(_budget(endpoint), Use.ROUTINE)
        options = ClientOptions(api_endpoint=endpoint or None)
        credentials = _credentials(endpoint)
        self.credentials_kind = type(credentials).__module__
        adapter = transport or _Adapter()

        def client(kind: Callable[..., Any]) -> Any:  # noqa: ANN401 - the SDK has no types
            made = kind(credentials=credentials, client_options=options)
            for scheme in ("https://", "http://"):
                # Each client has a session; by this they share their connections.
                made.transport._session.mount(scheme, adapter)  # noqa: SLF001
            return made

        self.instances = client(compute_v1.InstancesClient)
        self.disks = client(compute_v1.DisksClient)
        self.region_disks = client(compute_v1.RegionDisksClient)
        self._routes = client(compute_v1.RoutesClient)
        self._zone_operations = client(compute_v1.ZoneOperationsClient)
        self._global_operations = client(compute_v1.GlobalOperationsClient)
        self._session = self.instances.transport._session  # noqa: SLF001 - see `set_aliases`
        self._root = str(self.instances.api_endpoint)
        if "://" not in self._root:
            self._root = f"https://{self._root}"

    def spent_on(self, use: Use) -> Compute:
        """The same connections, for one operation of this use."""
        other = copy.copy(self)
        other.spending = Spending(_budget(self._endpoint), use)
        return other

    def server(self, machine: Machine, until_ns: int) -> Server:
        """Read an instance. Raises Missing where there is none of that name."""
        request = {"project": machine.project, "zone": machine.zone, "instance": machine.name}
        found = self.make(
            calls.INSTANCE_GET,
            lambda timeout_s: self.instances.get(request, retry=None, timeout=timeout_s),
            until_ns,
        )
        return Server(
            id=int(found.id),
            status=str(found.status),
            can_ip_forward=bool(found.can_ip_forward),
            interfaces={nic.name: _interface(nic) for nic in found.network_interfaces},
            created_by=next(
                (str(one.value) for one in found.metadata.items if one.key == "created-by"), ""
            ),
            local_ssds=sum(disk.type_ == "SCRATCH" for disk in found.disks),
            devices={link_in(disk.source): str(disk.device_name) for disk in found.disks},
        )

    def holders(self, project: str, zone: str, cidr: str, until_ns: int) -> tuple[str, ...]:
        """The instances of a zone that have `cidr` as an alias, or its address as their own."""
        request = {"project": project, "zone": zone}

        def send(timeout_s: float) -> list[Any]:
            return list(self.instances.list(request, retry=None, timeout=timeout_s))

        bare = cidr.partition("/")[0]
        return tuple(
            str(one.name)
            for one in self.make(calls.INSTANCES_LIST, send, until_ns)
            for nic in one.network_interfaces
            if nic.network_i_p == bare or _interface(nic).has(cidr)
        )

    def set_aliases(
        self, machine: Machine, seen: Interface, aliases: tuple[Alias, ...], until_ns: int
    ) -> str:
        """Replace the whole list of an interface, if it still is as it was `seen`.

        Returns the operation's name, as every change here does: support asks for it.
        """
        url = f"{self._root}/compute/v1/{machine.link}/updateNetworkInterface"
        ask = {"networkInterface": machine.nic, "requestId": request_id()}
        listed = [
            {"ipCidrRange": alias.cidr}
            | ({"subnetworkRangeName": alias.secondary} if alias.secondary else {})
            for alias in aliases
        ]
        body = {"fingerprint": seen.fingerprint, "aliasIpRanges": listed}

        def send(timeout_s: float) -> _Operation:
            # Not by the typed client: that drops an empty list, so the last alias would stay.
            reply = self._session.request("PATCH", url, params=ask, json=body, timeout=timeout_s)
            if not reply.ok:
                raise from_http_response(reply)
            return compute_v1.Operation.from_json(reply.content, ignore_unknown_fields=True)

        begun = self.make(calls.SET_ALIASES, send, until_ns)
        where = {"project": machine.project, "zone": machine.zone}
        return self.follow(f"aliases of {machine}", begun, where, until_ns)

    def stop(self, machine: Machine, until_ns: int, *, discard_local_ssd: bool) -> None:
        """Turn an instance off; only whoever reads its state knows when it is."""
        request = compute_v1.StopInstanceRequest(
            project=machine.project,
            zone=machine.zone,
            instance=machine.name,
            request_id=request_id(),
            no_graceful_shutdown=True,
        )
        if discard_local_ssd:
            request.discard_local_ssd = True
        self.make(
            calls.STOP,
            lambda timeout_s: self.instances.stop_unary(request, retry=None, timeout=timeout_s),
            until_ns,
        )

    def lacking(self, machine: Machine, wanted: tuple[str, ...], until_ns: int) -> tuple[str, ...]:
        """Those of the `wanted` permissions on an instance that this node does not have."""
        request = compute_v1.TestIamPermissionsInstanceRequest(
            project=machine.project,
            zone=machine.zone,
            resource=machine.name,
            test_permissions_request_resource=compute_v1.TestPermissionsRequest(
                permissions=list(wanted)
            ),
        )
        answer = self.make(
            calls.TEST_PERMISSIONS,
            lambda timeout_s: self.instances.test_iam_permissions(
                request, retry=None, timeout=timeout_s
            ),
            until_ns,
        )
        return tuple(one for one in wanted if one not in answer.permissions)

    def routes(self, project: str, network: str, cidr: str, until_ns: int) -> tuple[Route, ...]:
        """The static routes of a network to `cidr`."""
        request = {"project": project, "filter": f'destRange = "{cidr}"'}

        def send(timeout_s: float) -> list[Any]:
            return list(self._routes.list(request, retry=None, timeout=timeout_s))

        found = map(_route, self.make(calls.ROUTES_LIST, send, until_ns))
        return tuple(route for route in found if route.network == network)

    def insert_route(self, project: str, route: Route, until_ns: int) -> str:
        """Add a route, unless one of that name is there."""
        resource = compute_v1.Route(
            name=route.name,
            network=f"projects/{project}/global/networks/{route.network}",
            dest_range=route.dest_range,
            priority=route.priority,
            next_hop_instance=route.next_hop,
            description=route.description,
        )
        request = compute_v1.InsertRouteRequest(
            project=project, route_resource=resource, request_id=request_id()
        )
        begun = self.make(
            calls.ROUTE_INSERT,
            lambda timeout_s: self._routes.insert_unary(request, retry=None, timeout=timeout_s),
            until_ns,
        )
        return self.follow(f"route {route.name}", begun, {"project": project}, until_ns)

    def delete_route(self, project: str, name: str, until_ns: int) -> str:
        """Remove a route; empty: it was gone already."""
        request = compute_v1.DeleteRouteRequest(
            project=project, route=name, request_id=request_id()
        )
        try:
            begun = self.make(
                calls.ROUTE_DELETE,
                lambda timeout_s: self._routes.delete_unary(request, retry=None, timeout=timeout_s),
                until_ns,
            )
        except Missing:
            return ""
        return self.follow(f"removal of route {name}", begun, {"project": project}, until_ns)

    def follow(self, what: str, begun: _Operation, where: dict[str, str], until_ns: int) -> str:
        """Wait until an operation is DONE, and return its name. Raises what it ended with."""
        zonal = "zone" in where
        call = calls.ZONE_WAIT if zonal else calls.GLOBAL_WAIT
        client = self._zone_operations if zonal else self._global_operations
        ask = {**where, "operation": begun.name}
        operation = begun
        while operation.status != compute_v1.Operation.Status.DONE:
            try:
                operation = self.make(
                    call,
                    lambda timeout_s: client.wait(ask, retry=None, timeout=timeout_s),
                    until_ns,
                    longest_s=WAIT_S,
                )
            except ProviderError as problem:
                raise UnknownOutcome(
                    f"{what}: {begun.name} was accepted and not seen to end: {problem}"
                ) from None
        for error in operation.error.errors:
            raise replies.of_operation(f"{what}: {begun.name}", error.code, error.message)
        return str(begun.name)

    def make(
        self,
        call: Call,
        send: Callable[[float], T],
        until_ns: int,
        *,
        longest_s: float = CALL_S,
    ) -> T:
        """Make one call, again where its class allows that, until `until_ns`."""
        arrived = False
        told: ProviderError = Retryable(f"{call.name} was not made: the time was over", 0.0)
        for usual_s in _pauses():
            left_s = (until_ns - boot_ns()) / 1e9
            if left_s <= 0:
                break
            try:
                return self._send(call, send, min(longest_s, left_s))
            except Conflict:
                raise
            except ProviderError as problem:
                told = problem
            arrived = arrived or isinstance(told, Unanswered)
            if isinstance(told, Busy) or not isinstance(told, (Retryable, Unanswered)):
                break
            pause_s = told.after_s or usual_s
            if (until_ns - boot_ns()) / 1e9 <= pause_s:
                break
            time.sleep(pause_s)
        if arrived and call.retry is calls.Retry.SAME_ID:
            raise UnknownOutcome(str(told))
        if isinstance(told, Unanswered):
            raise Retryable(str(told), told.after_s)
        raise told

    def _send(self, call: Call, send: Callable[[float], T], timeout_s: float) -> T:
        """Make one call, once, if there is room for it."""
        self.spending.take(call.name, boot_ns())
        try:
            return send(timeout_s)
        except Exception as problem:  # noqa: BLE001 - translated, or raised again
            told = replies.of_call(call, problem)
        if isinstance(told, (Retryable, Unanswered)) and not isinstance(told, Busy):
            self.spending.refused(call.name, told.after_s, boot_ns())
        raise told


@lru_cache(maxsize=4)
def _budget(endpoint: str) -> Budget:
    """This node's: the project is that of its service account, or of all its VIPs."""
    del endpoint
    return Budget("Compute Engine", QUOTA)


def _pauses() -> Iterator[float]:
    yield from _PAUSES_S
    while True:
        yield _PAUSES_S[-1]


def _credentials(endpoint: str) -> Any:  # noqa: ANN401 - the SDK has no types
    """The SDK's own chain; none for plain HTTP, on which a token would be in the open."""
    if endpoint.startswith("http://"):
        return AnonymousCredentials()
    try:
        return google.auth.default(scopes=_SCOPES)[0]
    except google.auth.exceptions.DefaultCredentialsError as problem:
        raise Denied(f"no credentials for Google Cloud: {problem}") from None


def request_id() -> str:
    """One for every decision: it is the same only when the very same request is sent again.

    An operation that ended with an error is remembered under it, and would be the answer for ever.
    """
    return str(uuid4())


def link_in(url: str) -> str:
    """The link within an address that an answer has for a thing."""
    return f"projects/{url.rpartition('/projects/')[2]}"


def _interface(nic: Any) -> Interface:  # noqa: ANN401 - the SDK has no types
    aliases = (
        Alias(str(one.ip_cidr_range), str(one.subnetwork_range_name)) for one in nic.alias_ip_ranges
    )
    return Interface(str(nic.fingerprint), tuple(aliases))


def _route(route: Any) -> Route:  # noqa: ANN401 - the SDK has no types
    return Route(
        name=str(route.name),
        network=str(route.network).rpartition("/")[2],
        dest_range=str(route.dest_range),
        priority=int(route.priority),
        next_hop=str(route.next_hop_instance).rpartition("/projects/")[2].partition("/")[2],
        description=str(route.description),
    )
