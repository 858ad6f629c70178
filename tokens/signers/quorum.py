"""k of n signatures of one digest, as the contract wants them: distinct, and in ascending order."""

from collections.abc import Collection, Iterable

from tokens.signers.signature import BadSignature, Signature, signer_of


class NoQuorum(Exception):
    """Too few of those who may sign have signed; the text says who did, and what else was told."""


def quorum(
    digest: bytes, told: Iterable[Signature], authorizers: Collection[str], threshold: int
) -> list[Signature]:
    """The first `threshold` signatures by the address of their signers; or `NoQuorum`.

    No signer's word is taken: each signature must recover to one of the authorizers.
    """
    known = {address.lower() for address in authorizers}
    found: dict[int, Signature] = {}
    strange = []
    for signature in told:
        try:
            signer = signer_of(digest, signature)
        except BadSignature as error:
            strange.append(str(error))
            continue
        if signer in known:
            found[int(signer, 16)] = signature
        else:
            strange.append(f"{signer} is no authorizer")
    if threshold < 1 or len(found) < threshold:
        raise NoQuorum("; ".join([f"{len(found)} of {threshold} signed", *strange]))
    return [found[number] for number in sorted(found)[:threshold]]
