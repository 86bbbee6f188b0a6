"""TLS certificates: ordered on the observer, checked here, put on every load balancer.

pair         what is in a file of certificates and key, and what is wrong with it; pure
ordering     which ones are due, and getting them through lego on the observer
installing   one balancer after the other, each proved by what it shows to a client
standing     what each balancer has and shows
"""
