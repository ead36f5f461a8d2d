"""What a precheck says of a disk, whoever's plugin it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from hafw.cli.prechecks import files, resources
from hafw.cli.prechecks.subject import Subject
from hafw.cli.requests import Asker
from hafw.hooks.findings import Finding, Verdict
from tests.config.samples import changed, read
from tests.hooks.plugins import install

if TYPE_CHECKING:
    from hafw.config import Cluster

SOURCE: Final = """
from hafw.hooks.errors import Denied, Misconfigured
from hafw.hooks.hookspecs import Holder, hookimpl
from hafw.hooks.resources import ResourceObservation


@hookimpl
def hafw_resource_warm(requests):
    if requests[0].options["kind"] == "denied":
        raise Denied("disks.attach is missing; grant it")


@hookimpl
def hafw_resource_probe(request):
    kind = request.options["kind"]
    if kind == "gone":
        raise Misconfigured("there is no such disk; correct it")
    holder = Holder.FREE if kind == "denied" else Holder(kind)
    return ResourceObservation(holder=holder, who={"peer": "server-b"}.get(kind, ""))
"""


def with_a_disk(kind: str = "free") -> Cluster:
    disk = f'{{ type = "cloud-disk", provider = "trialdisk", disk = "data", kind = "{kind}" }}'
    text = changed("resources = [\n", f"resources = [\n  {disk},\n")
    return read(changed("[[groups]]\n", '[[groups]]\nforce = "storage-without-fencing"\n', text))


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "trialdisk", SOURCE)


def checked(kind: str) -> list[Finding]:
    ((provider, name, request),) = Asker(cluster=with_a_disk(kind), number=0).others()
    return resources.check(provider, name, request)


@pytest.mark.parametrize(
    ("kind", "told"),
    [("mine", "this node has it"), ("peer", "server-b has it"), ("free", "nobody has it")],
)
def test_it_is_shown_who_has_a_disk(kind: str, told: str) -> None:
    ready, holder = checked(kind)

    assert (ready.id, ready.verdict) == ("resource.ready", Verdict.OK)
    assert (holder.id, holder.verdict, holder.what) == ("resource.holder", Verdict.OK, told)
    assert holder.where == "cloud-disk data"


@pytest.mark.parametrize(
    ("kind", "where", "what"),
    [
        ("denied", "resource.ready", "disks.attach is missing"),
        ("gone", "resource.holder", "there is no such disk"),
        ("unknown", "resource.holder", "who has it cannot be seen"),
    ],
)
def test_what_keeps_a_disk_from_being_moved_is_an_error(kind: str, where: str, what: str) -> None:
    found = {one.id: one for one in checked(kind)}

    assert found[where].verdict is Verdict.ERROR
    assert found[where].what.startswith(what)


def test_storage_without_a_fence_is_pointed_out() -> None:
    (found,) = files.protection(Subject(config=Path("x"), cluster=with_a_disk(), number=0))

    assert (found.id, found.verdict) == ("group.forced", Verdict.WARNING)
    assert found.what.startswith("storage-without-fencing: data has neither fence nor lease")
