"""Certificates made on the spot, right ones and wrong ones."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NAMES = ("still.example.org", "ping.example.org")
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def ecdsa_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, bits)


def key_text(key: PrivateKey) -> str:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    ).decode()


@dataclass
class Authority:
    """An intermediate with a root above it that is not shown."""

    name: str = "Test Intermediate"
    not_after: datetime = NOW + timedelta(days=1_000)

    def __post_init__(self) -> None:
        self.key = ecdsa_key()
        root = ecdsa_key()
        self.certificate = _signed(
            self.name, "Test Root", self.key, root, self.not_after, names=(), is_ca=True
        )

    def issue(
        self,
        key: PrivateKey,
        names: tuple[str, ...] = NAMES,
        not_before: datetime = NOW - timedelta(days=1),
        not_after: datetime = NOW + timedelta(days=90),
    ) -> str:
        """Return a certificate without its chain."""
        return _signed(
            names[0], self.name, key, self.key, not_after, names=names, not_before=not_before
        )

    def pair(self, key: PrivateKey) -> str:
        """Return what HAProxy is given: certificate, intermediate, key."""
        return self.issue(key) + self.certificate + key_text(key)


def self_signed(key: PrivateKey) -> str:
    return _signed(NAMES[0], NAMES[0], key, key, NOW + timedelta(days=90), names=NAMES)


def _signed(
    subject: str,
    issuer: str,
    key: PrivateKey,
    signer: PrivateKey,
    not_after: datetime,
    *,
    names: tuple[str, ...],
    not_before: datetime = NOW - timedelta(days=1),
    is_ca: bool = False,
) -> str:
    common = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, it)]) for it in (subject, issuer)]
    built = (
        x509.CertificateBuilder()
        .subject_name(common[0])
        .issuer_name(common[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if names:
        dns = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        built = built.add_extension(dns, critical=False)
    return built.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
