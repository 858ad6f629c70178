"""What people do to a node that lives, and to accounts whose node is dead.

True here: what an operator asks (`tieout operate`) enters by the node's one door; the kill switch
(`tieout kill`) needs no node, no journal and no books.
"""
