"""How money moves: banks, custodians and chains as data, and their two twins."""
