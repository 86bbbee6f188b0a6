"""`make bench-ping`: what a ping costs, side by side with what else could take it, in one run.

__main__    options, the runs, what is printed and written
turns       one run: every row once, in turns
measured    a row's samples, their medians; ratios of rows taken inside one run
bounds      the ratios that are promised, with aim and bound
table       the tables, as Markdown
spent       CPU time and memory by process, from /proc
closed_loop, pings.lua    wrk: as fast as answers come
open_loop   pings at a rate that no slow answer slows
contenders  nginx, a row-at-a-time worker (row_worker), a plain Django view (django_view)
service     our receiver and drain, as real processes
databases   a throw-away PostgreSQL and SQLite files, with checks in them (fill)
durability  answers beside bare fdatasync; memory  what is held, also while the database is away
relay       latency between us and the database, without a loss of throughput
"""
