"""What can go wrong with a backup. Each message says what, which, why and what to do.

BackupError
    SettingsError       the settings, or a file that they name, are wrong
    RecipientError      a public key is missing, unusable or expired
    SourceError         the database cannot be read, or its dump did not end well
    EncryptionError     gpg did not end well
    ManifestError       a manifest is not what one looks like
    StoreError          S3 did not do what was asked
        StoreRefused    these credentials may not, or a lock holds the object
        StoreSilent     nobody answers there, or not in time
        NotStored       there is no such object
        AlreadyStored   there is one already
    DamagedBackup       what is there is not what was stored, or does not restore
    UnlockError         no private key here opens it
    ClusterError        PostgreSQL is missing here, or fails
    RestoreRefused      something is in the way; nothing was changed
    NoSpace             a disk has not the room that it takes
    NotVerified         the drill is red
    Busy                another run is at it
    Interrupted         somebody ended this run
"""


class BackupError(Exception):
    """Something that an operator has to know; never a secret in it."""


class SettingsError(BackupError):
    """Settings that cannot be used."""


class RecipientError(BackupError):
    """A key that nobody can encrypt for."""


class SourceError(BackupError):
    """The database that is to be backed up."""


class EncryptionError(BackupError):
    """What gpg made is not to be used."""


class ManifestError(BackupError):
    """A manifest that cannot be believed."""


class StoreError(BackupError):
    """S3, or the way to it."""


class StoreRefused(StoreError):
    """These credentials may not do that, or not yet."""


class StoreSilent(StoreError):
    """No answer, or none in time."""


class NotStored(StoreError):
    """No object has that key."""


class AlreadyStored(StoreError):
    """An object has that key, and stays."""


class DamagedBackup(BackupError):
    """What is there is not what was stored, or is of no use."""


class UnlockError(BackupError):
    """No private key is here, or it does not open."""


class ClusterError(BackupError):
    """PostgreSQL is missing here, or fails."""


class RestoreRefused(BackupError):
    """Something is in the way, and a person has to say how to go on."""


class NoSpace(BackupError):
    """A disk has not the room that it takes."""


class NotVerified(BackupError):
    """The drill has found something wrong."""


class Busy(BackupError):
    """The same work is under way in another process."""


class Interrupted(BackupError):
    """The process was told to end."""
