"""Many seeds of a scenario: what each is, who runs it, what became of all, and what none has seen.

True here: every seed that was begun has an end that is told; one that hangs or kills its worker is
a finding. Runs are `tieout.runs`; here they are counted, never judged anew. Crash campaigns too.
"""
