"""Backups as an operator handles them: `fab backup.*` and `fab db.adopt`.

    listed      what the observer knows of the bucket, and how old is what came back; pure
    reading     the observer is asked for it
    running     the program `backups` at work on a host, in a unit that outlives our line
    taking      a backup now, on the host that is to take it
    drilling    backups are restored on the observer, to see that they come back
    restoring   observer: a parcel; here: its keys, by our own private key; primary: a database
    adopting    after that, journals are drained into it

What takes, encrypts and restores is the program `backups`: it is run, never imported.
"""
