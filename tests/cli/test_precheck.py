"""`hafw precheck` on hosts of its own: what is right is called so, and what is wrong is found."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from hafw.cli.prechecks import bounded, lease, machine
from hafw.cli.prechecks.subject import Subject
from hafw.config.identity import config_hash
from hafw.hooks.findings import Finding, Findings, Verdict
from hafw.hooks.hookspecs import FenceReceipt, Power, Sighting
from hafw.hooks.registry import Registry
from hafw.stores.disk.sectors import SIZE, Disk
from tests.cli.samples import status_result
from tests.cli.test_fence import TABLE
from tests.config.samples import GOOD, changed, read
from tests.net.hosts import VIP, Host, give, isolated, lan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    from hafw.hooks.hookspecs import LeaseReading, LeaseSwap
    from tests.cli.conftest import FakeAgent

ALPHA, BETA, GATEWAY = 100, 101, 1
SECOND_LINK: Final = GOOD[
    GOOD.index("[[links]]", GOOD.index("[[links]]") + 1) : GOOD.index("[ping]")
]
ONE_LINK: Final = changed(SECOND_LINK, "")


def write(tmp_path: Path, text: str = ONE_LINK) -> str:
    """The cluster file of alpha, and its key."""
    key = tmp_path / "cluster.key"
    key.write_text("1 " + "ab" * 32)
    key.chmod(0o600)
    path = tmp_path / "cluster.toml"
    path.write_text(changed("/etc/hafw/cluster.key", str(key), text))
    return str(path)


def found(result: Result) -> dict[str, dict[str, Any]]:
    """The findings by their id; one that is no error is in nobody's way."""
    listed = json.loads(result.stdout)["findings"]
    return {one["id"]: one for one in sorted(listed, key=lambda one: one["verdict"] == "error")}


@contextmanager
def on_a_lan() -> Iterator[tuple[Host, Host]]:
    """As a process on alpha; beta and the gateway are there."""
    alpha, beta, _ = lan(ALPHA, BETA, GATEWAY)
    with alpha.entered():
        yield alpha, beta


@isolated
def test_a_node_that_can_do_its_part_passes(tmp_path: Path, hafw: Callable[..., Result]) -> None:
    write(tmp_path)

    with on_a_lan():
        result = hafw("precheck", "--node", "alpha", "--json")

    findings = found(result)
    assert result.exit_code == 0
    assert [one for one in findings.values() if one["verdict"] == "error"] == []
    right = {key for key, one in findings.items() if one["verdict"] == "ok"}
    assert right >= {
        "file.key",
        "file.valid",
        "interface.up",
        "link.address",
        "machine.gate",
        "ping.answers",
        "vip.ready",
        "vip.holder",
    }


@isolated
def test_what_is_wrong_is_found_with_its_remedy(
    tmp_path: Path, hafw: Callable[..., Result]
) -> None:
    text = changed('address = "10.1.1.100"', 'address = "10.1.1.99"', ONE_LINK)
    text = text.replace('"10.1.1.1"', '"10.1.1.7"').replace('"eth0" },\n]', '"eth7" },\n]')
    write(tmp_path, text)

    with on_a_lan():
        result = hafw("precheck", "--node", "alpha", "--json")

    findings = found(result)
    assert result.exit_code == 1
    wrong = {key for key, one in findings.items() if one["verdict"] == "error"}
    assert wrong == {"link.address", "interface.there", "ping.answers", "vip.ready", "vip.holder"}
    assert "it has 10.1.1.100" in findings["link.address"]["what"]
    assert all(findings[key]["remedy"] for key in wrong)


@isolated
def test_an_address_that_somebody_else_uses_is_found(
    tmp_path: Path, hafw: Callable[..., Result]
) -> None:
    write(tmp_path)

    with on_a_lan() as (_, beta):
        give(beta, VIP)
        holder = found(hafw("precheck", "--node", "alpha", "--json"))["vip.holder"]

    assert holder["verdict"] == "warning"
    assert "answers for it" in holder["what"]


@isolated
def test_a_gate_that_was_tried_is_gone_again() -> None:
    alpha, _ = lan(ALPHA, BETA)
    subject = Subject(config=None, cluster=read(), number=0)  # type: ignore[arg-type]

    with alpha.entered():
        first, second = machine.gate(subject), machine.gate(subject)

    assert [one.verdict for one in (*first, *second)] == [Verdict.OK] * 2


def test_a_person_reads_what_each_group_rests_on(
    tmp_path: Path, hafw: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    monkeypatch.setattr(bounded, "run", lambda *_: [])

    result = hafw("precheck", "--node", "alpha")

    assert "group 3: protection reflected" in result.stdout
    assert "assumed: the ping node that reflects is one single box" in result.stdout
    assert result.stderr == "1 ok, 0 warning, 0 error\n"


def agents_word(tmp_path: Path, agent: FakeAgent, **more: object) -> None:
    """The agent runs this very file."""
    cluster = read((tmp_path / "cluster.toml").read_text())
    told: Any = status_result()
    told["cluster"] |= {"config_hash": config_hash(cluster).hex(), **more}
    agent.says("status", told)


def only_files(checks: list[bounded.Check], _: float) -> list[Finding]:
    return list(checks[0].run())


@pytest.fixture
def files(tmp_path: Path, hafw: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    """What is found of the cluster file alone."""
    write(tmp_path)
    monkeypatch.setattr(bounded, "run", only_files)
    return lambda: found(hafw("precheck", "--node", "alpha", "--json"))


def test_a_peer_with_another_file_is_found(tmp_path: Path, agent: FakeAgent, files: Any) -> None:  # noqa: ANN401
    agents_word(tmp_path, agent, drift=True)

    assert files()["file.same"]["verdict"] == "error"


def test_a_peer_with_the_same_file_is_found(tmp_path: Path, agent: FakeAgent, files: Any) -> None:  # noqa: ANN401
    agents_word(tmp_path, agent)

    findings = files()

    assert findings["file.same"]["verdict"] == "ok"
    assert findings["file.in_force"]["verdict"] == "ok"


@pytest.mark.parametrize(("on", "verdict"), [(True, "warning"), (False, "ok")])
def test_maintenance_is_found(
    tmp_path: Path,
    agent: FakeAgent,
    files: Any,  # noqa: ANN401
    *,
    on: bool,
    verdict: str,
) -> None:
    agents_word(tmp_path, agent, maintenance={"on": on, "remaining_s": None, "by": "beta"})

    assert files()["maintenance"]["verdict"] == verdict


def test_a_file_that_is_not_in_force_is_found(agent: FakeAgent, files: Any) -> None:  # noqa: ANN401
    del agent

    assert files()["file.in_force"]["verdict"] == "error"


def test_without_an_agent_the_peers_file_is_not_known(files: Any) -> None:  # noqa: ANN401
    assert files()["file.same"]["verdict"] == "warning"


def test_a_key_that_others_can_read_is_found(tmp_path: Path, files: Any) -> None:  # noqa: ANN401
    (tmp_path / "cluster.key").chmod(0o644)

    assert files()["file.key"]["remedy"].startswith("run: chmod 600")


def test_an_invalid_file_ends_it(tmp_path: Path, hafw: Callable[..., Result]) -> None:
    write(tmp_path, changed("port = 7410", "port = 0"))

    assert hafw("precheck", "--node", "alpha").exit_code == 9


# --- lease stores and fences ------------------------------------------------------------------


def with_a_disk(tmp_path: Path) -> Subject:
    image = tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(SIZE)
    text = changed("[timing]", f'[authority]\nlease = "disk:{image}"\n\n[timing]')
    return Subject(config=tmp_path, cluster=read(text), number=0)


def verdicts(findings: list[Finding]) -> dict[str, Verdict]:
    return {one.id: one.verdict for one in findings}


def test_a_store_that_refuses_a_late_write_passes_again_and_again(tmp_path: Path) -> None:
    subject = with_a_disk(tmp_path)

    both = [verdicts(lease.check(subject, 5.0)) for _ in range(2)]

    assert both == [{"lease.answers": Verdict.OK, "lease.conditional": Verdict.OK}] * 2


def test_a_store_that_accepts_a_late_write_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def accepts(request: LeaseSwap) -> LeaseReading:
        return request.expected

    call = Registry.call
    monkeypatch.setattr(
        Registry,
        "call",
        lambda self, store, hook, **given: (
            accepts(**given) if hook == "hafw_lease_swap" else call(self, store, hook, **given)
        ),
    )

    findings = lease.check(with_a_disk(tmp_path), 5.0)

    assert verdicts(findings)["lease.conditional"] is Verdict.ERROR


def test_a_store_that_does_not_answer_is_found(tmp_path: Path) -> None:
    subject = with_a_disk(tmp_path)
    (tmp_path / "disk").unlink()

    assert verdicts(lease.check(subject, 5.0)) == {"lease.answers": Verdict.ERROR}


def test_the_lease_that_is_tried_is_no_groups(tmp_path: Path) -> None:
    subject = with_a_disk(tmp_path)
    lease.check(subject, 5.0)

    with Disk(str(tmp_path / "disk"), subject.cluster.id.bytes, lambda: False) as image:
        assert [image.read(group, 0).value is None for group in (0, 3)] == [False, True]


@pytest.mark.parametrize(
    ("power", "verdict"), [(Power.ON, "ok"), (Power.OFF, "ok"), (Power.UNKNOWN, "error")]
)
def test_a_fence_must_read_its_target(
    tmp_path: Path,
    hafw: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    power: Power,
    verdict: str,
) -> None:
    write(tmp_path, changed("[nodes.beta]\n", f"[nodes.beta]\n{TABLE}"))
    receipt = FenceReceipt(
        power=power, confirmed=False, method="ipmi", identity="beta", seen=(Sighting("x", 0),)
    )
    monkeypatch.setattr(Registry, "call", lambda *_, **__: receipt)
    monkeypatch.setattr(Registry, "prepare", lambda *_, **__: None)
    monkeypatch.setattr(
        bounded,
        "run",
        lambda checks, _: [
            one for check in checks if check.where.startswith("fence") for one in check.run()
        ],
    )

    findings = found(hafw("precheck", "--node", "alpha", "--json"))

    assert findings["fence.ready"]["verdict"] == "ok"
    assert findings["fence.reads"]["verdict"] == verdict


# --- checks that do not behave ----------------------------------------------------------------


@pytest.mark.parametrize("problem", [ZeroDivisionError(), SystemExit(3), KeyboardInterrupt()])
def test_a_check_that_raises_is_a_finding_and_no_end(problem: BaseException) -> None:
    well = Findings("well")
    well.ok("a", "it is")

    def breaks() -> list[Finding]:
        raise problem

    findings = bounded.run(
        [bounded.Check("broken", breaks), bounded.Check("well", lambda: well.found)], 5.0
    )

    assert [(one.where, one.verdict) for one in findings] == [
        ("broken", Verdict.ERROR),
        ("well", Verdict.OK),
    ]


def test_a_check_that_does_not_come_back_is_left_behind() -> None:
    never = threading.Event()

    def hangs() -> list[Finding]:
        never.wait()
        return []

    findings = bounded.run([bounded.Check("hung", hangs)], 0.01)
    never.set()

    assert [one.id for one in findings] == ["precheck.late"]


def test_a_probe_address_that_is_in_use_is_refused(
    tmp_path: Path, hafw: Callable[..., Result]
) -> None:
    write(tmp_path)

    result = hafw("precheck", "--node", "alpha", "--live-probe", "--probe-address", "10.1.1.111")

    assert result.exit_code == 5
    assert "10.1.1.111 is in the cluster file" in result.stderr


def test_a_probe_address_needs_a_live_probe(tmp_path: Path, hafw: Callable[..., Result]) -> None:
    write(tmp_path)

    assert hafw("precheck", "--probe-address", "10.1.1.9").exit_code == 2
