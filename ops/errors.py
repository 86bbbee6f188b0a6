"""What can go wrong for an operator. Each message says what, which, why and what to do.

OpsError
    InventoryError      a fleet's description is wrong or cannot be found
    VaultError          the secrets cannot be read or are incomplete
    HostError           one host: the others go on
        Unreachable     no answer, or no session
        WrongHostKey    it is not the host that the inventory names
        ChangeFailed    the host refused a change, or it did not hold
    Locked              another operator is at work
    BuildFailed         a release cannot be made of that commit
    Refused             a brake, or a plan that is not the one that was shown
    Stopped             the operator wanted it, or their terminal is gone
"""


class OpsError(Exception):
    """Something that an operator has to know; never a secret in it."""


class InventoryError(OpsError):
    """The description of a fleet."""


class VaultError(OpsError):
    """The encrypted secrets of a fleet."""


class HostError(OpsError):
    """One host cannot be read or changed."""


class Unreachable(HostError):
    """Nobody answers there."""


class WrongHostKey(HostError):
    """Somebody else answers there."""


class ChangeFailed(HostError):
    """A change was not made, or was taken back."""


class Locked(OpsError):
    """Another operator holds the fleet."""


class BuildFailed(OpsError):
    """No release was made."""


class Refused(OpsError):
    """What was asked for is not done, and why."""


class LabError(OpsError):
    """The rehearsal fleet, or the machine that it stands on."""


class Stopped(OpsError):
    """An operator, or the end of their line, has ended a procedure."""
