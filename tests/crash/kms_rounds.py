"""Rounds of kill -9 while KMS makes, rotates, imports and deletes materials and the root key changes, and what must be true after each.

    python tests/crash/kms_rounds.py --rounds 100

Each round starts the real binary on the same data folder, lets several callers use keys at once while another asks for new root keys,
which wraps every material anew, kills it with SIGKILL at a random moment, sometimes once more in the midst of its start, and starts
it again. Then:

- every ciphertext that was handed out opens, whatever its material went through since;
- no material whose deletion was answered is there again, and what was brought in again is;
- the journal verifies.
"""

import random
import secrets
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from botocore.exceptions import BotoCoreError, ClientError  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import padding  # noqa: E402

from crash.rounds import main  # noqa: E402
from harness.callers import Caller, Credentials  # noqa: E402
from harness.server import Server, palisade  # noqa: E402

ACCOUNT = "111122223333"
ROOT = Credentials("AKIAROOTROOTROOTROOT", "root-secret-0123456789")
USERS, BRINGERS = 3, 3
OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
EARLIER = 40  # how many ciphertexts of earlier rounds each round opens


@dataclass
class Told:
    """What clients were told, over all rounds. Appended to by several threads; each key has one."""

    sealed: list[tuple[str, bytes, bytes]] = field(default_factory=list)  # key, ciphertext, plain text
    brought: dict[str, str] = field(default_factory=dict)  # key -> whether its material is "there", "gone", or "unknown"
    done: Counter = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class World:
    """The data folder through all rounds, sealed by a key file beside it."""

    def __init__(self, folder: Path):
        self.folder, self.data, self.told = folder, folder / "data", Told()

    def server(self) -> Server:
        """A server on the folder, not started."""
        credentials = f"{ROOT.access_key_id}:{ROOT.secret}:{ACCOUNT}"
        return Server(self.folder, "--data", str(self.data), "--root-credentials", credentials, "--seal", f"file:{self.folder / 'root.key'}")


def use(kms, told: Told, dice: random.Random, stop: threading.Event) -> None:
    """One caller: makes keys, encrypts, takes data keys and rotates, until the server is gone."""
    while not stop.is_set():
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        told.done["keys"] += 1
        for _ in range(dice.randrange(5, 30)):
            text = secrets.token_bytes(24)
            told.sealed.append((key, kms.encrypt(KeyId=key, Plaintext=text)["CiphertextBlob"], text))
            if dice.random() < 0.5:
                kms.rotate_key_on_demand(KeyId=key)
                told.done["rotations"] += 1
            if dice.random() < 0.3:
                made = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
                told.sealed.append((key, made["CiphertextBlob"], made["Plaintext"]))


def bring(kms, told: Told, dice: random.Random, stop: threading.Event) -> None:
    """One caller: brings materials in, encrypts under them, deletes them, and brings some in again."""
    while not stop.is_set():
        key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
        given = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
        material, public = secrets.token_bytes(32), serialization.load_der_public_key(given["PublicKey"])

        def import_it():
            told.brought[key] = "unknown"
            wrapped = public.encrypt(material, OAEP)
            kms.import_key_material(KeyId=key, ImportToken=given["ImportToken"], EncryptedKeyMaterial=wrapped, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
            told.brought[key] = "there"
            told.done["imports"] += 1

        import_it()
        text = secrets.token_bytes(24)
        told.sealed.append((key, kms.encrypt(KeyId=key, Plaintext=text)["CiphertextBlob"], text))
        for _ in range(dice.randrange(9)):
            told.brought[key] = "unknown"
            kms.delete_imported_key_material(KeyId=key)
            told.brought[key] = "gone"
            told.done["deletions"] += 1
            if dice.random() < 0.3:
                break
            import_it()


def until_gone(work, caller: Caller, told: Told, seed: int, stop: threading.Event) -> None:
    """Works until the server is gone; any refusal is a problem."""
    try:
        work(caller.client("kms"), told, random.Random(seed), stop)
    except BotoCoreError:
        pass  # The server is gone: what was asked last stays unheard.
    except ClientError as refusal:
        told.wrong.append(f"a call under load was refused: {refusal}")


def change_roots(world: World, server: Server, stop: threading.Event) -> None:
    """Asks for one new root key after another: all domain keys are made anew, all materials wrapped anew."""
    while not stop.is_set():
        done = palisade("seal", "rotate", "--data", str(world.data))
        if done.returncode == 0:
            world.told.done["root keys"] += 1
        elif server.process.poll() is None and not stop.wait(0.5) and server.process.poll() is None:
            world.told.wrong.append(f"seal rotate failed: {done.stderr}")
        stop.wait(0.05)


def load_and_kill(world: World, server: Server, seed: int, seconds: float) -> None:
    """Load from all callers, and SIGKILL in the midst of it."""
    stop, caller = threading.Event(), Caller(server.endpoint, ROOT)
    works = [use] * USERS + [bring] * BRINGERS
    threads = [threading.Thread(target=until_gone, args=(work, caller, world.told, seed + number, stop)) for number, work in enumerate(works)]
    threads.append(threading.Thread(target=change_roots, args=(world, server, stop)))
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    server.kill()
    stop.set()
    for thread in threads:
        thread.join()


def opens(kms, blob: bytes) -> bytes | str:
    """The plain text, or the error's code."""
    try:
        return kms.decrypt(CiphertextBlob=blob)["Plaintext"]
    except ClientError as refusal:
        return refusal.response["Error"]["Code"]


def compare(brought: str | None, text: bytes, found: bytes | str) -> str | None:
    """What is wrong with how a ciphertext opened, by what became of its key's material; `None` brought is a material of our own."""
    gone = found == "KMSInvalidStateException"
    if brought == "gone":
        return None if gone else f"material whose deletion was answered is there again: {found!r}"
    if found == text or (brought == "unknown" and gone):
        return None
    return f"what was encrypted does not open: {found!r}"


def problems_of(world: World, server: Server, sealed: list[tuple[str, bytes, bytes]]) -> list[str]:
    """Everything that does not open and should, or opens and should not."""
    kms, found = Caller(server.endpoint, ROOT).client("kms"), []
    for key, blob, text in sealed:
        if problem := compare(world.told.brought.get(key), text, opens(kms, blob)):
            found.append(f"{key}: {problem}")
    return found


def restart(world: World, dice: random.Random) -> Server:
    """A new server; now and then one that is killed while it starts comes first."""
    if dice.random() < 0.3:
        try:
            world.server().start(timeout_seconds=dice.uniform(0.02, 0.4)).kill()
        except TimeoutError:
            world.told.done["killed while starting"] += 1
    return world.server().start()


def run(rounds: int, seed: int, folder: Path, say=print) -> list[str]:
    """All rounds on one folder; every problem found, with its round."""
    dice, world, found = random.Random(seed), World(folder), []
    told = world.told
    say(f"seed {seed}")
    server = world.server().start()
    for number in range(1, rounds + 1):
        already, before = len(told.sealed), Counter(told.done)
        load_and_kill(world, server, dice.randrange(2**32), dice.uniform(0.5, 2.5))
        verified = palisade("journal", "verify", "--data", str(world.data))
        server = restart(world, dice)
        chosen = told.sealed if number == rounds else told.sealed[already:] + dice.sample(told.sealed[:already], min(EARLIER, already))
        problems = problems_of(world, server, chosen) + told.wrong
        told.wrong = []
        if verified.returncode != 0:
            problems.append(f"the journal does not verify: {verified.stdout}{verified.stderr}")
        if len(told.sealed) == already:
            problems.append("nothing was encrypted: the round proves nothing")
        say(f"round {number}: {dict(told.done - before)}, {len(chosen)} ciphertexts looked at: {len(problems)} problems")
        found += [f"round {number}: {problem}" for problem in problems]
    server.stop()
    say(f"in all {dict(told.done)}, {len(told.sealed)} ciphertexts, {Counter(told.brought.values())}")
    missing = {"keys", "rotations", "imports", "deletions", "root keys"} - set(told.done)
    return found + [f"there were no {what}: the rounds prove nothing" for what in sorted(missing)]


if __name__ == "__main__":
    sys.exit(main(run, __doc__, "every ciphertext opens, nothing deleted came back"))
