"""Draws what `go run ./bench/miner -csv FILE` measured as bars: plot.py FILE >docs/performance.svg"""
import csv
import sys

LEFT, WIDTH, BAR, GAP = 110, 460, 22, 10
rows = list(csv.DictReader(open(sys.argv[1])))
rows.sort(key=lambda row: float(row["nonces_per_second"]))
most = max(float(row["nonces_per_second"]) for row in rows)
height = GAP + len(rows) * (BAR + GAP)
print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 190}" height="{height}" font-family="sans-serif" font-size="14">')
print('<rect width="100%" height="100%" fill="white"/>')
for i, row in enumerate(rows):
    rate, ratio = float(row["nonces_per_second"]), float(row["times_naive_go"])
    y = GAP + i * (BAR + GAP)
    length = WIDTH * rate / most
    print(f'<text x="{LEFT - 8}" y="{y + 16}" text-anchor="end">{row["name"]}</text>')
    print(f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" fill="#3b6ea5"/>')
    print(f'<text x="{LEFT + length + 8:.1f}" y="{y + 16}">{rate / 1e6:.2f} M/s, {ratio:.2f} x naive Go</text>')
print("</svg>")
