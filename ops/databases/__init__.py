"""The fleet's PostgreSQL hosts: how they stand, and how one of them is brought to follow again.

node        what a host said of its cluster, as a value
reading     where all hosts are asked
judging     pure: what is wrong with one, or with all of them together
standing_by where one is made from bare, or over what may be thrown away
way_back    pure: by which way a host may follow the primary again
"""
