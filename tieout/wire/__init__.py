"""The simulated world over real sockets and files, for whoever writes a client: `tieout wire`.

True here: it is the world of every run, by the machine's clock; its words are the counterparties'.
"""
