"""What a failover does to hosts, for real: by the agents of both database hosts."""

from dataclasses import dataclass, field
from typing import Any

from ops.databases.node import Node
from ops.databases.reading import read_node, read_nodes
from ops.deploy.desk import Desk, at_once
from ops.errors import ChangeFailed, HostError, Unreachable
from ops.failover import proving, rejoin, silence
from ops.failover.carrying_out import STOP_SECONDS
from ops.failover.journal import Procedure, packed
from ops.failover.safety import Silence
from provisioning.fleet import Host, Role
from provisioning.flows import POSTGRESQL
from provisioning.replication import slot_name

ASK_SECONDS = 60
CHECKPOINT_SECONDS, PROMOTE_SECONDS, START_SECONDS = 600, 60, 120
PORT = POSTGRESQL.port


@dataclass(slots=True)
class OnHosts:
    """The hands. `facts` is what a report tells of what they have met."""

    desk: Desk
    facts: dict[str, Any] = field(default_factory=dict)

    def keep(self, procedure: Procedure, *hosts: str) -> None:
        """Have the hosts keep it, both at once."""
        self._keep(packed(procedure), f"failover to {procedure.new}: {procedure.step}", *hosts)

    def forget(self, procedure: Procedure) -> None:
        """Have both forget it. One that does not answer is no reason to stop."""
        for name in (procedure.old, procedure.new):
            try:
                self._keep({}, f"failover to {procedure.new}: nothing is left to do", name)
            except HostError as error:
                if not procedure.is_primary_lost:
                    words = f"{error} It still keeps a failover that has ended."
                    self.desk.telling.trouble(words)

    def look(self, procedure: Procedure) -> tuple[Node | None, Node | None]:
        """Ask both at once."""
        hosts = [self.host(procedure.old), self.host(procedure.new)]
        found = read_nodes(self.desk.sessions, hosts)
        old, new = (found[host.name] for host in hosts)
        return _if_it_answers(self.desk, old, hosts[0]), _if_it_answers(self.desk, new, hosts[1])

    def listen(self, procedure: Procedure) -> Silence:
        """Have the other hosts try every port of the old one."""
        return silence.listen(self.desk, self.host(procedure.old))

    def prepare(self, procedure: Procedure, *, has_checkpoint: bool) -> None:
        """Keep WAL for the old one on the new one; write the old one's dirty pages."""
        self._hold(procedure, is_held=True)
        if has_checkpoint:
            self._old(procedure, "checkpoint", "checkpoint", CHECKPOINT_SECONDS,
                      port=PORT, seconds=CHECKPOINT_SECONDS)  # fmt: skip

    def fence(self, procedure: Procedure) -> None:
        """Marker, start.conf, nftables."""
        servers = self.desk.fleet.of_role(Role.APP_SERVER)
        addresses = [address for one in servers for address in (one.address, one.address6)]
        self._old(procedure, "fence", "fence the database", ASK_SECONDS, addresses=addresses,
                  port=PORT, by=self.desk.who, why=_why(procedure))  # fmt: skip

    def stop(self, procedure: Procedure) -> bool:
        """Stop it the fast way."""
        said = self._old(procedure, "stop_database", "stop the database", STOP_SECONDS + 60,
                         seconds=STOP_SECONDS)  # fmt: skip
        return bool(said["is_stopped"])

    def kill(self, procedure: Procedure) -> None:
        """End it at once; ChangeFailed when even that does not."""
        said = self._old(procedure, "kill_database", "end the database at once", 180)
        if not said["is_stopped"]:
            raise ChangeFailed(f"{procedure.old}: its PostgreSQL cannot be ended. Switch it off.")

    def allow_start(self, procedure: Procedure) -> None:
        """Marker and start.conf as before."""
        self._old(procedure, "allow_start", "let the database be started", ASK_SECONDS,
                  by=self.desk.who, why=f"undo: {_why(procedure)}")  # fmt: skip

    def start(self, procedure: Procedure, *, may_start_alone: bool) -> None:
        """Start it; its guard is asked, unless the new one cannot answer it."""
        self._old(procedure, "start_database", "start the database", 2 * START_SECONDS + 120,
                  port=PORT, seconds=START_SECONDS, by=self.desk.who,
                  may_start_alone=may_start_alone)  # fmt: skip

    def unfence(self, procedure: Procedure) -> None:
        """Let applications in again."""
        self._old(procedure, "unfence", "let applications in again", ASK_SECONDS,
                  role="primary", by=self.desk.who, why=f"undo: {_why(procedure)}")  # fmt: skip

    def release(self, procedure: Procedure) -> None:
        """Keep no WAL for the old one on the new one."""
        self._hold(procedure, is_held=False)

    def start_promoted(self, procedure: Procedure) -> None:
        """Start the promoted one; its guard would wait for the old one, which we have stopped."""
        self._new(procedure, "start_database", "start the promoted database",
                  2 * START_SECONDS + 120, port=PORT, seconds=START_SECONDS, by=self.desk.who,
                  may_start_alone=True)  # fmt: skip

    def promote(self, procedure: Procedure) -> None:
        """Promote the new one; its marker says so first."""
        said = self._new(procedure, "promote", "promote", PROMOTE_SECONDS + 120, port=PORT,
                         seconds=PROMOTE_SECONDS, by=self.desk.who,
                         why=_why(procedure))  # fmt: skip
        self.facts["promoted_at"] = said["at"]

    def settle(self, procedure: Procedure) -> str:
        """Bring the new timeline to the disk, and see the product's first write on it."""
        self._new(procedure, "checkpoint", "checkpoint", CHECKPOINT_SECONDS,
                  port=PORT, seconds=CHECKPOINT_SECONDS)  # fmt: skip
        new = read_node(self.desk.sessions, self.host(procedure.new))
        if new.control is None or new.control.timeline <= procedure.timeline:
            raise ChangeFailed(f"{new.name}: its pg_control does not have the new timeline.")
        self.facts["new_timeline"] = new.control.timeline
        first = proving.wait_for_first_write(self.desk, self.host(procedure.new), new.timeline)
        self.facts["first_write_at"] = first
        return f"timeline {new.timeline}" + (", written to by the product" if first else "")

    def prove(self, procedure: Procedure) -> str:
        """Have all application servers write, and balancers reach them."""
        return proving.prove(self.desk, self.host(procedure.new))

    def rejoin(self, procedure: Procedure) -> str:
        """Have the old one follow, when it answers."""
        said = rejoin.rejoin_old(self.desk, procedure)
        self.facts["rejoin"] = said
        return said

    def host(self, name: str) -> Host:
        """Return a host of the fleet."""
        return self.desk.fleet.host(name)

    def _keep(self, content: dict[str, Any], words: str, *hosts: str) -> None:
        def one(host: Host) -> None:
            self.desk.of(host).ask(
                "keep_procedure",
                answer_seconds=ASK_SECONDS,
                procedure=content,
                audit=self.desk.did(host, words),
            )

        at_once(one, [self.host(name) for name in hosts])

    def _hold(self, procedure: Procedure, *, is_held: bool) -> None:
        words = f"{'keep' if is_held else 'do not keep'} WAL for {procedure.old}"
        self._new(procedure, "hold_wal", words, ASK_SECONDS, port=PORT,
                  slot=slot_name(procedure.old), is_held=is_held)  # fmt: skip

    def _old(self, procedure: Procedure, ask: str, words: str, patience: int, **values: Any) -> Any:
        return self._ask(self.host(procedure.old), ask, words, patience, **values)

    def _new(self, procedure: Procedure, ask: str, words: str, patience: int, **values: Any) -> Any:
        return self._ask(self.host(procedure.new), ask, words, patience, **values)

    def _ask(self, host: Host, ask: str, words: str, patience: int, **values: Any) -> Any:
        audit = self.desk.did(host, words)
        return self.desk.of(host).ask(ask, answer_seconds=patience + 30, audit=audit, **values)


def _if_it_answers(desk: Desk, found: Node | str, host: Host) -> Node | None:
    """Return the node, asked once more over a new line; None when there is none."""
    if isinstance(found, Node):
        return found
    try:
        return read_node(desk.sessions, host)
    except Unreachable:
        return None


def _why(procedure: Procedure) -> str:
    return f"failover from {procedure.old} to {procedure.new}"
