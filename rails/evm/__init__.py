"""EVM chains: a node's JSON-RPC as geth speaks it, and the signer of typed transactions."""
