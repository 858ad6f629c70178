"""Approvals by SSH signature: who approved which bytes, proven by `ssh-keygen`.

An approver signs a file by `ssh-keygen -Y sign -f KEY -n tieout-limits FILE` (a token's policy with
`-n tieout-policy`); the signature lies beside it as FILE.sig. A file of allowed signers (its format
is that of `ssh-keygen`) says whose key is whose: by name, for a pattern or an authority would make
one key many people's. The author must stand in it too, and nobody approves with a key that is the
author's.
"""

import shutil
import subprocess
from pathlib import Path

from core.people import are_two

NAMESPACE = "tieout-limits"
OF_POLICIES = "tieout-policy"  # a signature over limits approves no policy
SECONDS_MAX = 20
PATTERN = "*?!"  # what makes more than a name of a signer's name


class NoTool(RuntimeError):
    """There is no `ssh-keygen` here, so nothing can be proven."""


class NotApproved(ValueError):
    """No valid approval; the text says what is missing and what would do."""


def verify(
    file: Path, told: bytes, signers: Path, author: str, approver: str, namespace: str = NAMESPACE
) -> None:
    """The approver signed these very bytes of the file; raises `NotApproved` or `NoTool`."""
    if not are_two(author, approver):
        raise NotApproved(f"{file}: author and approver are both {author!r}; two people would do")
    signature = file.with_name(file.name + ".sig")
    if not signers.is_file():
        lines = f"a line `NAME ssh-ed25519 KEY` for {author} and one for {approver}"
        raise NotApproved(f"{signers}: found nothing; {lines} would do")
    if not signature.is_file():
        would_do = f"{approver}'s signature would do: {signing(file, namespace)}"
        raise NotApproved(f"{signature}: found nothing; {would_do}")
    written_by = _keys(signers, author)
    if not written_by:
        raise NotApproved(
            f"{signers}: found no key of the author {author!r}, who could be the approver by"
            " another name; a line for each would do"
        )
    if shared := written_by & _keys(signers, approver):
        raise NotApproved(
            f"{signers}: {author} and {approver} have a key in common"
            f" ({min(shared)[:20]}...); a key of one's own each would do"
        )
    words = ["-Y", "verify", "-f", str(signers), "-I", approver, "-n", namespace]
    done = _run([*words, "-s", str(signature)], told)
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise NotApproved(
            f"{signature}: no signature of {approver} over these bytes"
            f" ({said[-1] if said else 'no reason given'}); {signing(file, namespace)}"
        )


def signing(file: Path, namespace: str = NAMESPACE) -> str:
    """How an approver signs."""
    return f"`ssh-keygen -Y sign -f KEY -n {namespace} {file}` makes one"


def _keys(signers: Path, name: str) -> set[str]:
    """The keys that a principal signs with: the blob after the word that names its kind."""
    found = set()
    for line in signers.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if any(mark in words[0] for mark in PATTERN) or "cert-authority" in line:
            raise NotApproved(
                f"{signers}: found {words[0]!r}, which may be anybody; names, each with a key of"
                " its own, would do"
            )
        if name in words[0].strip('"').split(","):
            kinds = [place for place, word in enumerate(words[1:], 1) if _is_kind(word)]
            found |= {words[place + 1] for place in kinds[:1] if place + 1 < len(words)}
    return found


def _is_kind(word: str) -> bool:
    return word.startswith(("ssh-", "ecdsa-", "sk-"))


def _run(words: list[str], told: bytes) -> subprocess.CompletedProcess[bytes]:
    tool = shutil.which("ssh-keygen")
    if tool is None:
        raise NoTool("ssh-keygen is not installed: it comes with OpenSSH, and proves approvals")
    return subprocess.run(  # noqa: S603  # ssh-keygen, with words of ours
        [tool, *words], input=told, capture_output=True, check=False, timeout=SECONDS_MAX
    )
