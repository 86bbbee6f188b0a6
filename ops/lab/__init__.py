"""The rehearsal fleet: real Debian hosts on one machine.

plan       which hosts, which names and addresses; pure
needs      what the machine must have
sources, packages, image    the root file system that all hosts share, built once
files      keys, inventory and vault, as the operator's tasks find them
world      names, an ACME server, sinks for mail and HTTP; authority, mail_sink, http_sink
network    a switch namespace with two bridges, and a cable to each host
hosts      power on, power off, what a host is doing
faults     cut, loss, delay, block
fleet      up, down
report     status
"""
