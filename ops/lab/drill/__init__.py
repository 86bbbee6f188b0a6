"""A rehearsed disaster with a ledger: what clients were promised, against what is in the table.

traffic    runs on the client host: pings and pages through the balancers
writer     runs on an application server: writes to the database, and how long it cannot
programs   starts both, ends both
load       which requests, through which doors
ledger     acknowledged tokens against the table's; pure
product    the product on the lab's fleet: its users, its checks, its tables
stand      a lab with a deployed product, the one that is up or one of its own
commands   fab, as an operator runs it
failover   the planned and the unplanned failover
restore    both databases are lost: back from the bucket, the vault and the key
tampering, tamper    backups that are no good, and what the observer says of them
figures    what came of it
"""
