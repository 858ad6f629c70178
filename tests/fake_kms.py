"""An honest AWS KMS on the loopback, as far as signing goes, and what it can be told to do wrong.

A digest is signed as a digest (`Prehashed`), a message is hashed first; a key that is disabled
signs nothing. That is what AWS documents, and what the stand-in that everybody uses does not do.
"""

import base64
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

ARN = "arn:aws:kms:eu-central-1:000000000000:key/authorizer"
Answer = tuple[int, dict[str, Any]]


class FakeKms:
    """One key. `lie` turns an honest answer into another; `hold` keeps answers back."""

    def __init__(self) -> None:
        self.key: Any = ec.generate_private_key(ec.SECP256K1())
        self.aliased: Any = None  # what the alias stands for, if no longer this key
        self.enabled, self.spec, self.usage = True, "ECC_SECG_P256K1", "SIGN_VERIFY"
        self.lie: Callable[[dict[str, Any]], dict[str, Any]] = lambda told: told
        self.hold = threading.Event()
        self.hold.set()
        self.asked: list[str] = []
        kms = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                kms.asked.append(self.headers["x-amz-target"])
                status, told = kms.answer(self.headers["x-amz-target"], asked)
                kms.hold.wait()
                body = json.dumps(told).encode()
                with suppress(ConnectionError):  # whoever asked may not have waited
                    self.send_response(status)
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, target: str, asked: dict[str, Any]) -> Answer:
        if not self.enabled:
            return 400, {"__type": "DisabledException", "message": f"{ARN} is disabled."}
        if target == "TrentService.GetPublicKey":
            told = {"KeySpec": self.spec, "KeyUsage": self.usage, "PublicKey": self._public()}
        else:
            assert target == "TrentService.Sign"
            assert asked["SigningAlgorithm"] == "ECDSA_SHA_256"
            message, kind = base64.b64decode(asked["Message"]), asked["MessageType"]
            signed = self.signature(message, kind, asked["KeyId"])
            told = {"Signature": text(signed), "SigningAlgorithm": "ECDSA_SHA_256"}
        return 200, self.lie({"KeyId": ARN, **told})

    def signature(self, message: bytes, kind: str, name: str = ARN) -> bytes:
        hashed = Prehashed(hashes.SHA256()) if kind == "DIGEST" else hashes.SHA256()
        key = self.key if name == ARN else self.aliased or self.key
        signed: bytes = key.sign(message, ec.ECDSA(hashed))
        return signed

    def _public(self) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return text(self.key.public_key().public_bytes(serialization.Encoding.DER, form))


def text(told: bytes) -> str:
    """Bytes, as JSON has them here."""
    return base64.b64encode(told).decode()
