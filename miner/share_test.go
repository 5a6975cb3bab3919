package miner

import (
	"math"
	"math/rand/v2"
	"testing"
)

// terms lists a share's nonces slot by slot, as a search deals them.
func terms(s share) []uint64 {
	var nonces []uint64
	if s.empty {
		return nonces
	}
	for term := s.first; ; {
		end := s.slotEnd(term)
		for at, first := term, s.nonce(term); at <= end; at++ {
			nonces = append(nonces, first+(at-term)*s.stride(term))
		}
		if end == s.last {
			return nonces
		}
		term = end + 1
	}
}

// checkPartition checks that the hosts together test each nonce once, but those that they have in
// common, which each of them tests once.
func checkPartition(t *testing.T, job Job) {
	t.Helper()
	r := job.Range
	seen := map[uint64]uint64{}
	for job.Index = range job.Count {
		last, begun := uint64(0), false
		for _, nonce := range terms(job.share()) {
			if nonce < r.First || nonce > r.Last {
				t.Fatalf("%+v tests %d, outside %v", job, nonce, r)
			}
			if begun && nonce <= last {
				t.Fatalf("%+v tests %d after %d", job, nonce, last)
			}
			last, begun = nonce, true
			seen[nonce]++
		}
	}
	size := uint64(0)
	if r.First <= r.Last {
		size = r.Last - r.First + 1
	}
	if uint64(len(seen)) != size {
		t.Fatalf("%+v: %d of %d nonces are tested", job, len(seen), size)
	}
	common := uint64(0) // the nonces below First+common are tested by all
	if job.Count > 1 && job.Common > 0 {
		common = (job.Common + job.chunk() - 1) / job.chunk() * job.chunk()
		if !job.ByNonce {
			end := r.First + (job.Common - 1)
			common = end - end%job.chunk() + job.chunk() - r.First
		}
	}
	for nonce, times := range seen {
		want := uint64(1)
		if nonce-r.First < common {
			want = job.Count
		}
		if times != want {
			t.Fatalf("%+v: %d is tested %d times, want %d", job, nonce, times, want)
		}
	}
}

func TestSharesPartitionTheRange(t *testing.T) {
	t.Parallel()
	const top = math.MaxUint64
	ranges := []Range{
		{1, 0},
		{0, 0},
		{5, 5},
		{top, top},
		{top - 35_000, top},
		{0, ChunkUnit - 1},
		{0, ChunkUnit},
		{math.MaxUint32 - 10, math.MaxUint32 + 10},
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 6 {
		first := random.Uint64() >> random.IntN(64)
		ranges = append(ranges, Range{first, first + min(random.Uint64N(60_000), top-first)})
	}
	for _, r := range ranges {
		for _, count := range []uint64{1, 2, 3, 8, 1 + random.Uint64N(60)} {
			for _, byNonce := range []bool{false, true} {
				job := Job{Count: count, Range: r, ByNonce: byNonce}
				checkPartition(t, job)
				job.Chunk = 2 * ChunkUnit
				checkPartition(t, job)
				if count < 10 && r.First < top/2 {
					job.Common = 1 + random.Uint64N(60_000)
					checkPartition(t, job)
				}
			}
		}
	}
}

func TestShareAtTheLimits(t *testing.T) {
	t.Parallel()
	const top = math.MaxUint64
	for _, test := range []struct {
		job         Job
		empty       bool
		first, last uint64 // nonces
	}{
		{Job{Count: 1, Range: Range{0, top}}, false, 0, top},
		{Job{Count: top, Index: top - 1, Range: Range{0, top}}, true, 0, 0},
		{Job{Count: top, Index: 0, Range: Range{0, top}}, false, 0, ChunkUnit - 1},
		{Job{Count: top, Index: 1, Range: Range{0, top}, Common: top}, false, 0, top},
		{Job{Count: top, Index: top - 1, Range: Range{0, top}, ByNonce: true}, false, top - 1, top - 1},
		{Job{Count: top, Index: 0, Range: Range{0, top}, ByNonce: true}, false, 0, top},
		{Job{Count: 8, Index: 3, Range: Range{top - 2, top}, ByNonce: true}, true, 0, 0},
		{Job{Count: 8, Index: 2, Range: Range{top - 2, top}, ByNonce: true}, false, top, top},
		{Job{Count: 1, Range: Range{0, top}, Chunk: 1_000_000_000_000}, false, 0, top},
	} {
		got := test.job.share()
		if got.empty != test.empty {
			t.Errorf("%+v: empty %t", test.job, got.empty)
		}
		if got.empty {
			continue
		}
		if first, last := got.nonce(got.first), got.nonce(got.last); first != test.first || last != test.last {
			t.Errorf("%+v: %d to %d, want %d to %d", test.job, first, last, test.first, test.last)
		}
		if got.slotEnd(got.last) != got.last {
			t.Errorf("%+v: the last slot ends with %d, want %d", test.job, got.slotEnd(got.last), got.last)
		}
	}
}
