"""The search as a loop in Python, literally: one rate in nonces per second, the best of bursts."""
import hashlib
import sys
import time

BLOCK = "COMSM0010cloud"
BURST = 1000


def search(first, difficulty):
    golden = "0" * difficulty
    for nonce in range(first, first + BURST):
        text = hashlib.sha256((str(nonce) + BLOCK).encode()).hexdigest()
        text = hashlib.sha256(text.encode()).hexdigest()
        if text.startswith(golden):
            return nonce


best, first, end = 0, 1_000_000_000, time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    began = time.perf_counter()
    search(first, 64)
    best = max(best, BURST / (time.perf_counter() - began))
    first += BURST
print(round(best))
