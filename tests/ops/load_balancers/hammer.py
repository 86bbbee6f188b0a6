"""Pings on one line that is kept, one after the other: hammer.py ADDRESS MOST PAUSE PATH...

Ends when it was told to wait often enough. Runs on a host of the lab, on its own Python.

    {"seen": {status: n}, "retry_after": of the first refusal,
     "acknowledged": [rid, ...], "refused": [rid, ...]}
"""

import http.client
import json
import sys
import time
import uuid
from collections import Counter
from itertools import cycle

REFUSALS = 20
OK, TOO_MANY = 200, 429

if __name__ == "__main__":
    address, most, pause, *paths = sys.argv[1:]
    line = http.client.HTTPConnection(address, 80, timeout=20)
    seen, retry_after = Counter[int](), None
    rids: dict[int, list[str]] = {OK: [], TOO_MANY: []}
    for path in cycle(paths):
        if seen[TOO_MANY] == REFUSALS or seen.total() == int(most):
            break
        rid = str(uuid.uuid4())
        line.request("GET", f"/ping/{path}?rid={rid}", headers={"Host": "stillhere.test"})
        answer = line.getresponse()
        answer.read()
        seen[answer.status] += 1
        rids.setdefault(answer.status, []).append(rid)
        if answer.status == TOO_MANY and retry_after is None:
            retry_after = answer.headers["Retry-After"]
        time.sleep(float(pause))
    said = {"seen": seen, "retry_after": retry_after}
    sys.stdout.write(json.dumps(said | {"acknowledged": rids[OK], "refused": rids[TOO_MANY]}))
