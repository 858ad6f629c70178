"""Regulated tokens: the control plane, the signers, the contract and its indexer."""
