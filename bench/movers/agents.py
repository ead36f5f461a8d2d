"""The resource agents' half: run as Pacemaker runs them, unchanged.

Rule: a favour is done to an agent before a disfavour; what was done for it stands in `NOTES`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.movers.clouds import LATENCY_S
from bench.movers.workers import sdk_environment
from hafw_sim.clouds.ec2.server import CREDENTIALS
from hafw_sim.clouds.serving import LOCAL, Handler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.movers.cases import Agent
    from bench.movers.clouds import Cloud
    from bench.movers.toll import Address

ROOT: Final = Path("/usr/lib/ocf")
AGENTS: Final = ROOT / "resource.d" / "heartbeat"
PACKAGE: Final = "resource-agents"
_PYTHON: Final = "/usr/bin/python3"
"""What the agents that are Python name in their first line."""
_REDIRECT: Final = Path(__file__).parent / "redirect"
_TIMEOUT_S: Final = 60.0

NOTES: Final = {
    "agents": "unchanged, in their defaults, action `start` while the peer has the address, as "
    "after a fence; then `monitor`, which Pacemaker repeats every 20 to 60 s",
    "where": "a network namespace of this machine, root in it: 169.254.169.254 and "
    "metadata.google.internal are the model's metadata service",
    "models": f"each answer of an API is held back for {1000 * LATENCY_S:g} ms, of metadata "
    "for nothing; operations end after 50 ms; nothing speaks TLS, of which every connection of a "
    "real cloud costs one or two round trips more",
    "moved, done": "until the model has the address at this node, and until the order or the "
    "action has ended: only then hafw opens its gate, and Pacemaker starts what comes next",
    "aws agents": "credentials stand in the profile that they name: an instance's role would cost "
    "each run of `aws` some questions to the metadata service more",
    "sleeps of agents": "awsvip and awseip 3 s after their change (api_delay), aws-vpc-move-ip 1 s "
    "after every call, Google's 1 s between two looks at an operation that runs; each call of the "
    "AWS agents starts `aws`, a Python program, and on a busy machine that is most of their time",
    "google agents": "a module on PYTHONPATH sends the one address that the client library has "
    "built in, that of its discovery document, to a server here; the document is cut to the calls "
    "that agents make, so shorter than the real one, and counts as a call of the API",
    "hafw": "a real worker process, warm, on the node that takes over; then `observe`, the "
    "counterpart of `monitor`",
    "equal counts": "where hafw and an AWS agent make as many calls of the API, one of the agent's "
    "looks whether the address is here already, and one of hafw's reads the change back",
    "left out": "gcp-vpc-move-ip: it names itself deprecated for gcp-vpc-move-route, and drives "
    "gcloud; no resource agent of the package moves an address in Azure by calls",
}
"""What a reader must know to judge the figures."""


def missing(agent: Agent) -> str | None:
    """What must be installed before it can be measured; None if nothing."""
    if not (AGENTS / agent.name).exists():
        return f"install {PACKAGE} (apt install {PACKAGE})"
    for program in agent.programs:
        if shutil.which(program) is None:
            return f"install the program {program}"
    for module in agent.modules:
        found = subprocess.run(
            [_PYTHON, "-c", f"import {module}"], capture_output=True, check=False
        )
        if found.returncode:
            return f"install the module {module} for {_PYTHON}"
    return None


def version() -> str:
    """Of the package; '' where dpkg cannot tell."""
    words = ["dpkg-query", "-W", "-f", "${Version}", PACKAGE]
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


class Running:
    """One agent with its parameters, on this node."""

    def __init__(self, agent: Agent, cloud: Cloud, scratch: Path, discovery: Address) -> None:
        """Not started."""
        self._program, self._stops = AGENTS / agent.name, agent.stops
        self._environment = os.environ | sdk_environment(cloud)
        self._environment |= {
            "OCF_ROOT": str(ROOT),
            "OCF_RESOURCE_INSTANCE": agent.name,
            "OCF_RESOURCE_TYPE": agent.name,
            "OCF_RA_VERSION_MAJOR": "1",
            "OCF_RA_VERSION_MINOR": "0",
            "HA_RSCTMP": str(scratch),
            "HA_LOGFILE": str(scratch / "log"),
            "HOME": str(scratch),
            "PYTHONPATH": str(_REDIRECT),
            "BENCH_DISCOVERY": "http://{}:{}".format(*discovery),
        }
        if "aws" in agent.programs:
            profile = scratch / ".aws" / "config"
            profile.parent.mkdir()
            keys = {name.lower(): value for name, value in CREDENTIALS.items()}
            lines = ["[default]", *(f"{name} = {value}" for name, value in keys.items())]
            profile.write_text("\n".join(lines) + "\n")
            self._environment["OCF_RESKEY_awscli"] = str(shutil.which("aws"))
        for name, value in agent.parameters.items():
            self._environment[f"OCF_RESKEY_{name}"] = value

    def act(self, action: str) -> None:
        """Run one action to its end. Raises RuntimeError."""
        environment = self._environment | {"__OCF_ACTION": action}
        if action == "monitor":
            environment["OCF_RESKEY_CRM_meta_interval"] = "20000"
        # A daemon that an agent leaves behind keeps its stdout: so a file, not a pipe.
        said = Path(environment["HA_RSCTMP"], "said")
        with said.open("wb") as out:
            done = subprocess.run(
                [str(self._program), action],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                timeout=_TIMEOUT_S,
                check=False,
            )
        if done.returncode:
            text = said.read_text(errors="replace")[-1000:]
            raise RuntimeError(f"{action} ended with {done.returncode}: {text}")

    def clear(self) -> None:
        """Remove what it has left on this machine, also after a start that failed."""
        if self._stops:
            with suppress(RuntimeError):
                self.act("stop")


# --- the discovery document of Compute Engine, which Google's client library asks for -----------

_Methods = dict[str, tuple[str, str, tuple[str, ...]]]
_PLACE: Final = "projects/{project}/"
_METHODS: Final[dict[str, _Methods]] = {
    "instances": {
        "get": ("GET", "zones/{zone}/instances/{instance}", ()),
        "aggregatedList": ("GET", "aggregated/instances", ("filter", "pageToken")),
        "updateNetworkInterface": (
            "PATCH",
            "zones/{zone}/instances/{instance}/updateNetworkInterface",
            ("networkInterface",),
        ),
    },
    "zoneOperations": {"get": ("GET", "zones/{zone}/operations/{operation}", ())},
    "globalOperations": {"get": ("GET", "global/operations/{operation}", ())},
    "networks": {"get": ("GET", "global/networks/{network}", ())},
    "routes": {
        "get": ("GET", "global/routes/{route}", ()),
        "list": ("GET", "global/routes", ("filter", "pageToken")),
        "insert": ("POST", "global/routes", ()),
        "delete": ("DELETE", "global/routes/{route}", ()),
    },
}


def document(endpoint: str) -> dict[str, Any]:
    """The discovery document, cut to what the agents call."""
    resources = {
        resource: {
            "methods": {name: _method(resource, name, *found) for name, found in methods.items()}
        }
        for resource, methods in _METHODS.items()
    }
    return {
        "kind": "discovery#restDescription",
        "name": "compute",
        "version": "v1",
        "rootUrl": f"{endpoint}/",
        "servicePath": "compute/v1/",
        "batchPath": "batch",
        "schemas": {"Any": {"id": "Any", "type": "object"}},
        "resources": resources,
    }


def _method(
    resource: str, name: str, verb: str, path: str, query: tuple[str, ...]
) -> dict[str, Any]:
    whole = _PLACE + path
    named = [part[1:-1] for part in whole.split("/") if part.startswith("{")]
    parameters: dict[str, dict[str, Any]] = {
        each: {"type": "string", "location": "path", "required": True} for each in named
    }
    parameters |= {each: {"type": "string", "location": "query"} for each in query}
    body = {"request": {"$ref": "Any"}} if verb in {"POST", "PATCH"} else {}
    return {
        "id": f"compute.{resource}.{name}",
        "path": whole,
        "httpMethod": verb,
        "parameters": parameters,
        "parameterOrder": named,
        "response": {"$ref": "Any"},
        **body,
    }


@contextmanager
def discovery(endpoint: str) -> Iterator[Address]:
    """Serve the document, held back as every answer is."""
    told = json.dumps(document(endpoint)).encode()

    class Discovery(Handler):
        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            time.sleep(LATENCY_S)
            self.reply(200, told, {"Content-Type": "application/json"})

    with ThreadingHTTPServer((LOCAL, 0), Discovery) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield LOCAL, server.server_port
        finally:
            server.shutdown()
            thread.join()
