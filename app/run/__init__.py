"""`make run`: the whole service on one machine, in the foreground.

__main__ checks that it may start (instance, port), has the database prepared
(prepare) and becomes the supervisor (programs, supervise) of every process.
"""
