"""The control plane over HTTP: who may ask what, and what is answered (extra `api`)."""
