"""The lab server: process 1 of the lab, which builds it and carries out what its owner asks.

Rule: one thread, one request at a time, and when this process ends everything in the lab ends.

The program starts outside, enters the lab's namespaces, forks the server into them, and waits for
it. The server ends when its owner's channel closes; a lab with a listening socket is its own
owner and ends when told.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import traceback
from ipaddress import ip_address, ip_interface
from typing import Final, Never

import msgspec

from hafw_sim.lab import namespaces, processes, protocol
from hafw_sim.lab.clock import now_ns
from hafw_sim.lab.fabric import Fabric, UnknownPort
from hafw_sim.lab.host import BootFailed, Host
from hafw_sim.lab.namespaces import NamespacesForbidden
from hafw_sim.lab.processes import Processes, UnknownProcess
from hafw_sim.lab.protocol import (
    AskNeighbour,
    Boot,
    ChangeAddress,
    ChannelClosed,
    Crash,
    Describe,
    Description,
    Done,
    Down,
    Exited,
    ExitStatus,
    FlushRuleset,
    Forbidden,
    Freeze,
    Heal,
    HoldBack,
    Lose,
    MachineState,
    NeighbourIs,
    Options,
    Plug,
    Refused,
    Spawn,
    Spawned,
    Thaw,
)
from hafw_sim.lab.topology import MACHINES

_NAMESPACES: Final = (
    namespaces.CLONE_NEWNET
    | namespaces.CLONE_NEWPID
    | namespaces.CLONE_NEWNS
    | namespaces.CLONE_NEWIPC
)
_ANSWER_TIMEOUT_S: Final = 2.0  # an owner that does not read its answers is dropped


class NoSuchMachine(Exception):
    """A request named a machine that the lab does not have, or that is not up (or is)."""


_REFUSALS: Final = (OSError, ValueError, BootFailed, NoSuchMachine, UnknownPort, UnknownProcess)

_Result = tuple[protocol.Answer, tuple[int, ...]]


class Server:
    """The lab's machines and networks, and the requests about them."""

    def __init__(self, options: Options) -> None:
        """Build the networks and boot all machines. Raises as `Fabric` and `Host.boot` do."""
        self._fabric = Fabric(gateway_reflects=options.gateway_reflects)
        self._processes = Processes()
        self._hosts: dict[str, Host] = {}
        self._boots = dict.fromkeys(MACHINES, 0)
        for name in MACHINES:
            self._boot(name)

    def answer(self, request: protocol.Request, files: tuple[int, ...]) -> _Result:
        """Carry out one request; what went wrong is an answer too."""
        try:
            return self._carry_out(request, files)
        except _REFUSALS as problem:
            return Refused(str(problem)), ()

    def _carry_out(self, request: protocol.Request, files: tuple[int, ...]) -> _Result:
        at_ns = now_ns()
        match request:
            case Spawn(machine):
                host = None if machine is None else self._up(machine)
                pid = self._processes.spawn(request, host, files)
                return Spawned(pid), (os.pidfd_open(pid),)
            case ExitStatus(pid):
                return Exited(self._processes.reap(pid)), ()
            case Describe():
                return self._describe(), ()
            case AskNeighbour(machine, interface, address):
                return self._neighbour(machine, interface, address), ()
            case Lose() | HoldBack() | Plug() | Heal():
                self._change_network(request)
            case Down():
                pass  # the caller ends the server after the answer
            case _:
                self._change_machine(request)
        return Done(at_ns), ()

    def _change_network(self, request: protocol.ToNetwork) -> None:
        match request:
            case Lose(losses):
                self._fabric.lose(losses)
            case HoldBack(delays):
                self._fabric.hold_back(delays)
            case Plug(ports, plugged):
                self._fabric.plug(ports, plugged=plugged)
            case Heal():
                self._fabric.heal()

    def _change_machine(self, request: protocol.ToMachine) -> None:
        match request:
            case Crash(machine):
                self._crash(machine)
            case Boot(machine):
                self._boot(machine)
            case Freeze(machine, roots):
                processes.freeze(roots or self._everything_in(machine))
            case Thaw(machine, roots):
                processes.thaw(roots or self._everything_in(machine))
            case FlushRuleset(machine):
                self._up(machine).flush_ruleset()
            case ChangeAddress(machine, interface, address, present):
                network, where = self._up(machine).network, ip_interface(address)
                change = network.add_address if present else network.delete_address
                change(interface, where.ip, where.network.prefixlen)

    def _up(self, machine: str) -> Host:
        if machine not in MACHINES:
            raise NoSuchMachine(f"no machine {machine}; there are {', '.join(MACHINES)}")
        if machine not in self._hosts:
            raise NoSuchMachine(f"{machine} is crashed; boot it first")
        return self._hosts[machine]

    def _everything_in(self, machine: str) -> set[int]:
        init = self._up(machine).init  # adopts what was left by a parent inside the machine
        adopted = processes.descendants({init}) - {init}
        return adopted | self._processes.of(machine).keys()

    def _boot(self, machine: str) -> None:
        if machine not in MACHINES:
            raise NoSuchMachine(f"no machine {machine}; there are {', '.join(MACHINES)}")
        if machine in self._hosts:
            raise NoSuchMachine(f"{machine} is up already")
        self._boots[machine] += 1
        host = Host.boot(MACHINES[machine], self._boots[machine])
        self._fabric.cable(host)
        host.configure()
        self._hosts[machine] = host

    def _crash(self, machine: str) -> None:
        host = self._up(machine)
        # Everything stops before anything goes: a program must not see the carrier go, nor another
        # program die, and the kernel must not refuse packets in the name of dead programs.
        processes.freeze({host.init} | self._everything_in(machine))
        self._fabric.cut_power(host.plan)
        host.kill()
        self._processes.kill_all(machine)
        self._fabric.remove(host.plan)
        host.bury()
        del self._hosts[machine]

    def _neighbour(self, machine: str, interface: str, address: str) -> NeighbourIs:
        entry = self._up(machine).network.neighbour(interface, ip_address(address))
        return NeighbourIs(None if entry is None or entry.mac is None else entry.mac.hex(":"))

    def _describe(self) -> Description:
        machines = tuple(
            MachineState(
                name=name,
                up=name in self._hosts,
                processes=self._processes.of(name),
                unplugged=tuple(
                    lan.value for lan in plan.lans if plan.port(lan) in self._fabric.unplugged
                ),
            )
            for name, plan in MACHINES.items()
        )
        return Description(machines, self._fabric.losses, self._fabric.delays)


def serve(server: Server, owner: socket.socket, listener: socket.socket | None) -> None:
    """Answer requests until the lab is to end."""
    ready = selectors.DefaultSelector()
    ready.register(listener if listener is not None else owner, selectors.EVENT_READ)
    while True:
        for key, _ in ready.select():
            channel = key.fileobj
            assert isinstance(channel, socket.socket)
            if channel is listener:
                visitor, _ = listener.accept()
                visitor.settimeout(_ANSWER_TIMEOUT_S)
                ready.register(visitor, selectors.EVENT_READ)
                continue
            try:
                if _answer_one(server, channel):
                    return
            except (ChannelClosed, TimeoutError):
                if channel is owner:
                    return
                ready.unregister(channel)
                channel.close()


def _answer_one(server: Server, channel: socket.socket) -> bool:
    """Answer the request that waits in ``channel``; return whether it was to end the lab."""
    received = protocol.receive(channel)
    try:
        request = received.request()
    except msgspec.DecodeError as problem:
        protocol.send(channel, Refused(f"not a request: {problem}"))
        return False
    finally_closed = received.files
    try:
        answer, files = server.answer(request, received.files)
        finally_closed += files
        protocol.send(channel, answer, files)
    finally:
        for file in finally_closed:
            os.close(file)
    return isinstance(request, Down)


def main(arguments: list[str]) -> Never:
    """Run a lab: arguments are the owner's channel, the listening socket or -1, the options."""
    owner = socket.socket(fileno=int(arguments[0]))
    listener = socket.socket(fileno=int(arguments[1])) if arguments[1] != "-1" else None
    options = msgspec.json.decode(arguments[2], type=Options)
    try:
        _enter_namespaces(options)
        child = os.fork()
    except NamespacesForbidden as problem:
        protocol.send(owner, Forbidden(problem.step, problem.reason, problem.remedy))
        sys.exit(1)
    if child != 0:
        owner.close()
        if listener is not None:
            listener.close()
        os.waitpid(child, 0)
        sys.exit(0)
    namespaces.die_with_parent()
    namespaces.set_process_name("hafw-lab")
    namespaces.close_all_but({0, 1, 2, owner.fileno(), *([listener.fileno()] if listener else ())})
    try:
        _run(options, owner, listener)
    except BaseException:  # noqa: BLE001 - told, then over: a fork has nobody to return to
        traceback.print_exc()
    finally:
        os._exit(0)  # process 1 gone: the kernel kills whatever is left in the lab


def _enter_namespaces(options: Options) -> None:
    if not options.privileged:
        try:
            with namespaces.refused_as("user namespaces"):
                namespaces.become_root_inside()
        except NamespacesForbidden:
            if os.geteuid() != 0:
                raise  # root needs none
    with namespaces.refused_as("network, process and mount namespaces"):
        namespaces.unshare(_NAMESPACES)


def _run(options: Options, owner: socket.socket, listener: socket.socket | None) -> None:
    try:
        with namespaces.refused_as("mounting /proc and /sys in a user namespace"):
            namespaces.mount_private_proc()
            namespaces.mount_private_sys()
        # Where only this is forbidden, everything before succeeds.
        with namespaces.refused_as("network interfaces in a user namespace"):
            server = Server(options)
    except NamespacesForbidden as problem:
        protocol.send(owner, Forbidden(problem.step, problem.reason, problem.remedy))
        return
    except (OSError, BootFailed) as problem:
        protocol.send(owner, Refused(f"the lab did not start: {problem}"))
        return
    protocol.send(owner, Done(now_ns()))
    serve(server, owner, listener)


if __name__ == "__main__":
    main(sys.argv[1:])
