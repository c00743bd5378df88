"""Canaries: a secret of each kind, known to the test, is in no file of the data folder, no backup and no log, however it is written;
and what was brought in and deleted is not in the server's memory either."""

import base64
import json
import secrets
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from harness.callers import Account, Caller, Credentials, allow, trust
from harness.events import lookup
from harness.server import Server, palisade

ACCOUNT = "444455556666"
OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
PIECE_BYTES = 12
FOR_EVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}


def forms(secret: bytes | str) -> dict[str, bytes]:
    """How a secret may be written: as it is, in hex, in base64 at each of the three places of a longer text, quoted."""
    raw = secret.encode() if isinstance(secret, str) else secret
    found = {"raw": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode(), "list": ", ".join(map(str, raw)).encode(), "quoted": quote(raw).encode()}
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + raw)
        inner = encoded[-(-8 * shift // 6) : 8 * (shift + len(raw)) // 6]  # without the characters that neighbours change
        found |= {f"base64 at {shift}": inner, f"base64url at {shift}": inner.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def pieces(text: bytes) -> list[bytes]:
    """Parts of a written secret, of which one is left whole where the store's compression has cut it: from its middle, since tokens
    begin alike."""
    start = 16 if len(text) > 64 else 0
    return [text[at : at + PIECE_BYTES] for at in range(start, len(text) - PIECE_BYTES + 1, PIECE_BYTES)][:8]


def holding(secret: bytes | str, files: dict[str, bytes]) -> list[str]:
    """Where a secret is, and how it is written there."""
    return [f"{name}: {form}" for form, text in forms(secret).items() for name, content in files.items() if any(piece in content for piece in pieces(text))]


def files_of(*folders: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for folder in folders for path in ([folder] if folder.is_file() else folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("size", [16, 31, 32, 33, 40])
def test_the_search_finds_each_form_wherever_it_stands(size):
    secret = secrets.token_bytes(size)
    for before in range(4):
        for written in (lambda b: b, bytes.hex, base64.b64encode, base64.urlsafe_b64encode):
            text = written(secrets.token_bytes(before) + secret + secrets.token_bytes(9))
            assert holding(secret, {"file": text.encode() if isinstance(text, str) else text}), (before, written)
    assert holding(secret, {"file": secrets.token_bytes(4096)}) == []


class Site:
    """A server whose root is under a passphrase that lies outside its folder, and the backups it is asked for."""

    def __init__(self, folder: Path):
        self.folder, self.data = folder, folder / "data"
        self.root = Credentials("AKIAROOT000000000001", secrets.token_hex(20))
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text(secrets.token_hex(16))
        self.passphrase.chmod(0o600)
        self.config = folder / "palisade.toml"
        self.config.write_text(f'root-credentials = ["{self.root.access_key_id}:{self.root.secret}:{ACCOUNT}"]\n')
        self.config.chmod(0o600)
        seal = ("--seal", f"passphrase:file={self.passphrase}")
        self.server = Server(folder, "--data", str(self.data), "--config", str(self.config), *seal, environment={"PALISADE_LOG": "trace", "RUST_LOG": "trace"})

    def account(self) -> Account:
        return Account(ACCOUNT, Caller(self.server.endpoint, self.root))

    def backup(self, name: str) -> Path:
        made = self.folder / name
        done = palisade("backup", str(made), environment=self.account().root.environment())
        assert done.returncode == 0, done.stderr
        return made


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def bring(kms, key: str, material: bytes, wrapped: bool = False) -> None:
    """Imports material as a client does."""
    algorithm = "RSA_AES_KEY_WRAP_SHA_256" if wrapped else "RSAES_OAEP_SHA_256"
    given = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec="RSA_2048")
    public = serialization.load_der_public_key(given["PublicKey"])
    if wrapped:
        kek = secrets.token_bytes(32)
        sealed = public.encrypt(kek, OAEP) + keywrap.aes_key_wrap_with_padding(kek, material)
    else:
        sealed = public.encrypt(material, OAEP)
    kms.import_key_material(KeyId=key, ImportToken=given["ImportToken"], EncryptedKeyMaterial=sealed, **FOR_EVER)


def numbers_of(private: rsa.RSAPrivateKey) -> dict[str, bytes]:
    """The secret numbers of an RSA key: any of them gives it away."""
    numbers = private.private_numbers()
    return {f"imported RSA {name}": getattr(numbers, name).to_bytes(128, "big") for name in ("p", "q", "dmp1", "dmq1")}


def put_in(account: Account) -> dict[str, bytes | str]:
    """Has the server see secrets of every kind; each by what it is."""
    kms, known = account.kms, {"root credentials": account.root.credentials.secret}
    ann = account.user(allow("*"), name="ann")
    known["access key"] = ann.credentials.secret
    role = account.role(trust(account.id), allow("*"), name="app")
    for name, answer in {
        "role session": ann.sts.assume_role(RoleArn=role, RoleSessionName="session")["Credentials"],
        "session": ann.sts.get_session_token()["Credentials"],
        "federated session": ann.sts.get_federation_token(Name="fed")["Credentials"],
    }.items():
        known |= {f"{name} secret": answer["SecretAccessKey"], f"{name} token": answer["SessionToken"]}
        account.root.becoming(answer).sts.get_caller_identity()
    material, mac = secrets.token_bytes(32), secrets.token_bytes(32)
    known |= {"imported key": material, "imported HMAC key": mac}
    external = lambda **parameters: kms.create_key(Origin="EXTERNAL", **parameters)["KeyMetadata"]["KeyId"]
    key = external()
    bring(kms, key, material)
    bring(kms, external(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC"), mac)
    private = rsa.generate_private_key(65537, 2048)
    encoding = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    bring(kms, external(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY"), private.private_bytes(*encoding), wrapped=True)
    known |= numbers_of(private)
    known["plaintext"] = text = secrets.token_bytes(40)
    for parameters in ({"EncryptionContext": {"app": "web"}}, {}):
        blob = kms.encrypt(KeyId=key, Plaintext=text, **parameters)["CiphertextBlob"]
        context = parameters.get("EncryptionContext", {})
        assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == text
        kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext=context, DestinationKeyId=key)
    known["data key"] = kms.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"]
    pair = serialization.load_der_private_key(kms.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P256")["PrivateKeyPlaintext"], None)
    known["data key pair"] = pair.private_numbers().private_value.to_bytes(32, "big")
    known["random bytes"] = kms.generate_random(NumberOfBytes=32)["Plaintext"]
    known["message of a MAC"] = message = secrets.token_bytes(40)
    maker = kms.create_key(KeySpec="HMAC_512", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    known["MAC"] = kms.generate_mac(KeyId=maker, Message=message, MacAlgorithm="HMAC_SHA_512")["Mac"]
    kem = kms.create_key(KeySpec="ML_KEM_768", KeyUsage="ENCAPSULATE_DECAPSULATE")["KeyMetadata"]["KeyId"]
    known["encapsulated secret"] = kms.encapsulate(KeyId=kem, EncapsulationAlgorithm="ML_KEM")["SharedSecret"]
    one, two = (kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")["KeyMetadata"]["KeyId"] for _ in range(2))
    public = kms.get_public_key(KeyId=two)["PublicKey"]
    known["shared secret"] = kms.derive_shared_secret(KeyId=one, KeyAgreementAlgorithm="ECDH", PublicKey=public)["SharedSecret"]
    return known


def test_no_secret_is_in_a_file_a_backup_or_the_log(site):
    with site.server:
        known = put_in(site.account())
        known["passphrase"] = site.passphrase.read_text()
        with_everything = site.backup("backup")
        while_it_runs = files_of(site.data)
        records = json.dumps(lookup(site.account())).encode()
    places = {"running/" + name: content for name, content in while_it_runs.items()} | {"records": records} | files_of(site.data, with_everything, site.server.log_path)
    assert site.account().id.encode() in b"".join(places.values()), "the search looks at nothing"
    found = {what: where for what, secret in known.items() if (where := holding(secret, places))}
    assert not found, found
    assert len(known) > 20


def readable(pid: int) -> bool:
    """Whether the memory of a process may be read."""
    try:
        with open(f"/proc/{pid}/mem", "rb"):
            return True
    except OSError:
        return False


def places_in_memory(pid: int, wanted: dict[str, bytes]) -> list[str]:
    """Which of some bytes are in a process's writable memory."""
    found = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            bounds, rights, *_ = line.split()
            if not rights.startswith("rw") or "[v" in line:
                continue
            start, end = (int(bound, 16) for bound in bounds.split("-"))
            try:
                memory.seek(start)
                content = memory.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue
            found += [f"{what} at {start:x}" for what, text in wanted.items() if text in content]
    return found


def test_deleted_material_is_not_in_memory_a_second_later(site):
    with site.server:
        pid, kms = site.server.process.pid, site.account().kms
        if not readable(pid):
            pytest.skip("the server's memory may not be read: this needs root or CAP_SYS_PTRACE")
        canary = f"canary-{secrets.token_hex(16)}"
        named = kms.create_key(Description=canary)["KeyMetadata"]["KeyId"]
        kms.describe_key(KeyId=named)
        assert places_in_memory(pid, {"canary": canary.encode()}), "the search does not see the server's memory"
        material, private = secrets.token_bytes(32), rsa.generate_private_key(65537, 2048)
        symmetric = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
        signing = kms.create_key(Origin="EXTERNAL", KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        bring(kms, symmetric, material)
        encoding = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        bring(kms, signing, private.private_bytes(*encoding), wrapped=True)
        blob = kms.encrypt(KeyId=symmetric, Plaintext=b"x")["CiphertextBlob"]
        for _ in range(20):
            assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
            kms.sign(KeyId=signing, Message=b"x", SigningAlgorithm="RSASSA_PSS_SHA_256")
        kms.delete_imported_key_material(KeyId=symmetric)
        kms.delete_imported_key_material(KeyId=signing)
        time.sleep(1)
        big = numbers_of(private)
        small = {f"{name} as it is computed with": number[::-1] for name, number in big.items()}
        assert places_in_memory(pid, {"imported key": material} | big | small) == []
