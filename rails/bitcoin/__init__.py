"""Bitcoin: Bitcoin Core's JSON-RPC with its watching wallet, and the signer of P2WPKH spends."""
