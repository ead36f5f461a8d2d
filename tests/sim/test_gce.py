"""The model of Compute Engine, asked without HTTP, at times that the tests choose."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import pytest

from hafw_sim.clouds.exchange import Later, Lost, Reply, Request
from hafw_sim.clouds.gce import Fault, Gce, Instance, Kind, Nic
from hafw_sim.clouds.gce.machines import holders
from hafw_sim.clouds.gce.routes import next_hops
from hafw_sim.clouds.gce.server import served
from hafw_sim.clouds.gce.values import Guest

if TYPE_CHECKING:
    from hafw_sim.clouds.exchange import Answer
    from hafw_sim.clouds.gce.values import Json

ZONE = "/compute/v1/projects/p/zones/europe-west1-b"
VIP = "10.0.0.50/32"


class Client:
    """Asks, and waits for what comes later."""

    def __init__(self, gce: Gce) -> None:
        self.gce = gce
        self.now_s = 1_000.0

    def send(self, method: str, path: str, body: Json | None = None, **query: str) -> Answer:
        if not path.startswith("/"):
            path = f"/compute/v1/projects/p/{path}"
        return self.gce.handle(
            Request(method=method, path=path, query=query, body=body or {}), self.now_s
        )

    def settle(self, answer: Answer) -> Reply | Lost:
        while isinstance(answer, Later):
            self.now_s = max(self.now_s, answer.at_s)
            answer = answer.then(self.now_s)
        return answer

    def ask(self, method: str, path: str, body: Json | None = None, **query: str) -> Json:
        answer = self.settle(self.send(method, path, body, **query))
        assert isinstance(answer, Reply)
        return answer.body | {"status_code": answer.status}

    def get(self, name: str) -> Json:
        return self.ask("GET", f"{ZONE}/instances/{name}")

    def set_aliases(
        self, name: str, *aliases: str, fingerprint: str = "", request: str = ""
    ) -> Json:
        fingerprint = fingerprint or self.get(name)["networkInterfaces"][0]["fingerprint"]
        body = {
            "fingerprint": fingerprint,
            "aliasIpRanges": [{"ipCidrRange": alias} for alias in aliases],
        }
        query = {"networkInterface": "nic0", "requestId": request}
        return self.ask("PATCH", f"{ZONE}/instances/{name}/updateNetworkInterface", body, **query)

    def wait(self, operation: Json) -> Json:
        return self.ask("POST", f"{ZONE}/operations/{operation['name']}/wait")

    def insert_route(self, name: str, instance: str, priority: int) -> Json:
        body = {
            "name": name,
            "network": "global/networks/default",
            "destRange": VIP,
            "nextHopInstance": f"projects/p/zones/europe-west1-b/instances/{instance}",
            "priority": priority,
        }
        return self.ask("POST", "global/routes", body)

    def wait_global(self, operation: Json) -> Json:
        return self.ask("POST", f"global/operations/{operation['name']}/wait")


@pytest.fixture
def gce() -> Gce:
    return Gce(
        "p",
        [
            Instance(name="vm-a", nics=(Nic("10.0.0.2"),)),
            Instance(name="vm-b", nics=(Nic("10.0.0.3"),)),
        ],
    )


@pytest.fixture
def client(gce: Gce) -> Client:
    return Client(gce)


def test_instances_of_every_zone_are_listed_by_zone_and_found_by_name(client: Client) -> None:
    everyone = client.ask("GET", "aggregated/instances")["items"]
    one = client.ask("GET", "aggregated/instances", filter='name="vm-b"')["items"]

    named = [each["name"] for zone in everyone.values() for each in zone["instances"]]
    assert {"vm-a", "vm-b"} <= set(named)
    assert [each["name"] for zone in one.values() for each in zone["instances"]] == ["vm-b"]


def test_an_instance_finds_its_aliases_and_a_token_in_its_metadata(
    gce: Gce, client: Client
) -> None:
    def asked(path: str) -> Any:  # noqa: ANN401 - JSON
        url = f"http://{server.metadata_hosts['vm-a']}/computeMetadata/v1/instance/{path}"
        request = HttpRequest(url, headers={"Metadata-Flavor": "Google"})
        with urlopen(request, timeout=5) as answer:
            assert answer.headers["Content-Type"] == "application/json"
            return json.load(answer)

    client.wait(client.set_aliases("vm-a", VIP))

    with served(gce) as server:
        (nic,) = asked("network-interfaces?recursive=True")
        account = asked("service-accounts/default/?recursive=true")["email"]
        token = asked(f"service-accounts/{account}/token")

    assert nic["ipAliases"] == [VIP]
    assert token["token_type"] == "Bearer"


def test_an_alias_is_there_when_its_operation_is_done(gce: Gce, client: Client) -> None:
    operation = client.set_aliases("vm-a", VIP)
    before = holders(gce.state.things, VIP)

    done = client.wait(operation)

    assert operation["status"] == "PENDING"
    assert before == []
    assert done["status"] == "DONE"
    assert holders(gce.state.things, VIP) == ["vm-a"]


def test_of_two_who_take_one_alias_at_once_the_second_gets_an_error(
    gce: Gce, client: Client
) -> None:
    first, second = client.set_aliases("vm-a", VIP), client.set_aliases("vm-b", VIP)

    ends = [client.wait(first), client.wait(second)]

    assert "error" not in ends[0]
    assert ends[1]["status"] == "DONE"
    assert ends[1]["error"]["errors"][0]["code"] == "IP_IN_USE_BY_ANOTHER_RESOURCE"
    assert holders(gce.state.things, VIP) == ["vm-a"]


def test_a_fingerprint_of_before_a_change_is_refused(client: Client) -> None:
    stale = client.get("vm-a")["networkInterfaces"][0]["fingerprint"]
    client.wait(client.set_aliases("vm-a", VIP))

    refused = client.set_aliases("vm-a", fingerprint=stale)

    assert refused["status_code"] == 412
    assert refused["error"]["errors"][0]["reason"] == "conditionNotMet"


def test_an_interface_with_a_change_under_way_takes_no_other(client: Client) -> None:
    client.set_aliases("vm-a", VIP)

    refused = client.set_aliases("vm-a")

    assert refused["status_code"] == 400
    assert refused["error"]["errors"][0]["reason"] == "resourceNotReady"


def test_a_list_that_is_not_in_the_body_changes_nothing(gce: Gce, client: Client) -> None:
    client.wait(client.set_aliases("vm-a", VIP))
    body = {"fingerprint": client.get("vm-a")["networkInterfaces"][0]["fingerprint"]}
    path = f"{ZONE}/instances/vm-a/updateNetworkInterface"

    client.wait(client.ask("PATCH", path, body, networkInterface="nic0"))

    assert holders(gce.state.things, VIP) == ["vm-a"]


def test_the_same_request_id_is_answered_with_the_same_operation(client: Client) -> None:
    fingerprint = client.get("vm-a")["networkInterfaces"][0]["fingerprint"]
    first = client.set_aliases("vm-a", VIP, fingerprint=fingerprint, request="one")
    client.wait(first)

    again = client.set_aliases("vm-a", VIP, fingerprint=fingerprint, request="one")

    assert again["name"] == first["name"]
    assert again["status"] == "DONE"


def test_a_hung_guest_is_never_stopped_by_asking(gce: Gce, client: Client) -> None:
    hung = Instance(name="vm-c", nics=(Nic("10.0.0.4"),), guest=Guest.HANGS)
    gce.state.put(hung, client.now_s)

    asked = client.wait(client.ask("POST", f"{ZONE}/instances/vm-c/stop"))
    seen = client.get("vm-c")["status"]
    client.wait(client.ask("POST", f"{ZONE}/instances/vm-c/stop", noGracefulShutdown="true"))

    assert asked["status"] == "RUNNING"
    assert seen == "STOPPING"
    assert client.get("vm-c")["status"] == "TERMINATED"


def test_a_machine_that_is_off_keeps_its_aliases(gce: Gce, client: Client) -> None:
    client.wait(client.set_aliases("vm-a", VIP))

    client.wait(client.ask("POST", f"{ZONE}/instances/vm-a/stop"))

    assert client.get("vm-a")["status"] == "TERMINATED"
    assert holders(gce.state.things, VIP) == ["vm-a"]


def test_traffic_goes_by_the_route_with_the_best_priority(gce: Gce, client: Client) -> None:
    client.wait_global(client.insert_route("r1", "vm-a", 900))

    client.wait_global(client.insert_route("r2", "vm-b", 899))

    assert next_hops(gce.state.things, VIP) == ["vm-b"]


def test_a_name_of_a_route_is_taken_once(client: Client) -> None:
    first, second = client.insert_route("r1", "vm-a", 900), client.insert_route("r1", "vm-b", 900)

    assert first["status_code"] == 200
    assert second["status_code"] == 409


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (Kind.THROTTLED, 429),
        (Kind.RATE_LIMITED, 403),
        (Kind.EXPIRED_TOKEN, 401),
        (Kind.CONTROL_PLANE_DOWN, 503),
    ],
)
def test_a_refusal_is_as_often_as_it_says(
    gce: Gce, client: Client, kind: Kind, status: int
) -> None:
    gce.faults.add(Fault(kind, times=1))

    answers = [client.get("vm-a")["status_code"] for _ in range(2)]

    assert answers == [status, 200]


def test_a_lost_reply_has_had_its_effect(gce: Gce, client: Client) -> None:
    gce.faults.add(Fault(Kind.LOST_REPLY, calls="instances.stop"))

    answer = client.send("POST", f"{ZONE}/instances/vm-a/stop")

    assert answer == Lost()
    assert client.get("vm-a")["status"] == "STOPPING"


def test_a_late_landing_takes_effect_when_it_arrives(gce: Gce, client: Client) -> None:
    gce.faults.add(Fault(Kind.LATE_LANDING, 30.0, calls="instances.stop"))
    answer = client.send("POST", f"{ZONE}/instances/vm-a/stop")
    before = client.get("vm-a")["status"]

    client.settle(answer)

    assert before == "RUNNING"
    assert client.get("vm-a")["status"] == "STOPPING"


def test_a_stale_read_shows_what_was(gce: Gce, client: Client) -> None:
    client.wait(client.set_aliases("vm-a", VIP))
    gce.faults.add(Fault(Kind.STALE_READ, 10.0))

    stale = client.get("vm-a")
    gce.faults.end(Kind.STALE_READ)

    assert "aliasIpRanges" not in stale["networkInterfaces"][0]
    assert "aliasIpRanges" in client.get("vm-a")["networkInterfaces"][0]


def test_a_stuck_operation_never_ends(gce: Gce, client: Client) -> None:
    gce.faults.add(Fault(Kind.STUCK_OPERATION, times=1))
    operation = client.ask("POST", f"{ZONE}/instances/vm-a/reset")
    client.now_s += 3_600.0

    waited = client.wait(operation)

    assert waited["status"] == "RUNNING"


def test_the_quota_is_full_again_with_the_next_minute(client: Client, gce: Gce) -> None:
    gce.quota = 1
    client.now_s = 1_015.0

    within = [client.get("vm-a")["status_code"] for _ in range(2)]
    client.now_s = 1_020.0

    assert within == [200, 403]
    assert client.get("vm-a")["status_code"] == 200


def test_a_missing_permission_is_named(client: Client, gce: Gce) -> None:
    gce.denied.add("compute.instances.stop")

    refused = client.ask("POST", f"{ZONE}/instances/vm-a/stop")

    assert refused["status_code"] == 403
    assert "'compute.instances.stop'" in refused["error"]["message"]


def test_permissions_are_told_to_who_asks(client: Client, gce: Gce) -> None:
    gce.denied.add("compute.instances.stop")
    asked = ["compute.instances.get", "compute.instances.stop"]

    answer = client.ask("POST", f"{ZONE}/instances/vm-a/testIamPermissions", {"permissions": asked})

    assert answer["permissions"] == ["compute.instances.get"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("lost-reply", Fault(Kind.LOST_REPLY)),
        ("latency:0.2", Fault(Kind.LATENCY, 0.2)),
        ("throttled:7:instances.*:3", Fault(Kind.THROTTLED, 7.0, "instances.*", 3)),
    ],
)
def test_a_fault_is_read_from_a_word(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


def test_the_command_serves_the_model_until_it_is_told_to_end() -> None:
    command = [
        sys.executable,
        "-m",
        "hafw.cli.main",
        "sim",
        "clouds",
        "gcp",
        "--fault",
        "throttled",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        told = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
        here = HttpRequest(
            f"http://{told['HAFW_BETA']}/computeMetadata/v1/instance/name",
            headers={"Metadata-Flavor": "Google"},
        )
        url = f"{told['HAFW_ENDPOINT']}/compute/v1/projects/hafw-model/global/routes"

        with pytest.raises(HTTPError) as throttled:
            urlopen(url, timeout=10)
        with urlopen(f"{told['HAFW_ENDPOINT']}/model/faults", b"", timeout=10) as answer:
            ended = answer.read()
        with urlopen(url, timeout=10) as answer:
            status = answer.status
        with urlopen(here, timeout=10) as answer:
            name = answer.read()
        process.terminate()

        throttled.value.close()
        assert (throttled.value.code, ended, status) == (429, b"0 faults added\n", 200)
        assert name == b"vm-b"
        assert process.wait(10) == 0


def test_the_page_names_every_failure_of_the_model() -> None:
    page = (Path(__file__).parents[2] / "docs" / "gcp.md").read_text()
    section = page.partition("## Without a project\n")[2].partition("\n## ")[0]

    assert {str(kind) for kind in Kind} <= set(re.findall(r"`([a-z-]+)`", section))
