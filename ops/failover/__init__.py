"""The primary moves to another host: `fab db.failover`.

    look       all hosts are asked; nothing is changed                    asking
    judge      P1-P9, pure: what is red stops here                        preflight
    decide     begin, go on with what was cut off, or take it back; pure  next_step
    E1-E5      checkpoint, fence, stop, catch up: each can be undone      carrying_out, undoing
    ---------  the point of no return                                     safety, pure
    E6-E10     promote, settle, prove, rejoin, report: only forward       finishing, report

How far it is stands on both database hosts, on their disks, before each step (journal). So a
second invocation, from any machine, knows what to do with what the first one has left.
"""
