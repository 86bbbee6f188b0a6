"""A release goes out: the rolling procedure, over servers that are drained first.

    deploy(desk, release, ...)        bring, check, migrate, then one host after the other
    roll_back(desk, release_id, ...)  the same to a release that is kept, without migrations
    drained(desk, host, why)          with it: out of all balancers, and in again at its end

The state of a roll is on the hosts and in the balancers alone: a mark on the server that is
out, the link to the release, what runs, and what each balancer has been told. So a rerun
after any cut sees where it is, and finishes.
"""
