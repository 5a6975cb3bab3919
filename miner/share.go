package miner

// share is what one host has to test, as terms: numbers from first to last in the order of
// testing, all of which stand for nonces. Terms are dealt in slots of `chunk` terms. How many
// there are is never written down: for all 64-bit nonces it would not fit.
//
// With chunks dealt in turn, a slot is a chunk of nonces: the host's own ones are those with the
// numbers index, index+count, …, behind the common ones. A term's place in its slot is the
// nonce's place in its chunk, so first is above 0 where the range begins within a chunk. With
// nonces dealt in turn, the terms behind the common ones are an arithmetic progression.
//
// In both cases a term is never above its nonce, so the terms of a slot cannot overflow.
type share struct {
	empty       bool
	first, last uint64
	chunk       uint64
	common      uint64 // terms before it are in every host's share, and neighbours
	start       uint64 // nonce of term 0, if there are common ones or nonces are dealt in turn
	own         uint64 // nonce of the first term behind the common ones
	step        uint64 // from one own term to the next: 1, or count
	jump        uint64 // from the first nonce of one own slot to that of the next, less the slot
}

func (j Job) share() share {
	switch {
	case j.Range.First > j.Range.Last:
		return share{empty: true}
	case j.ByNonce:
		return j.nonces()
	}
	return j.chunks()
}

// chunks is the share when chunks are dealt in turn.
func (j Job) chunks() share {
	size := j.chunk()
	low, high := j.Range.First/size, j.Range.Last/size // the range's first and last chunk
	s := share{chunk: size, step: 1, start: low * size, own: low * size}
	shared := j.sharedSlots(j.Range.First%size, high-low)
	end := j.Range.Last % size // the last term of the last chunk, within it
	if shared > high-low {
		s.first, s.last = j.Range.First%size, (high-low)*size+end
		return s
	}
	s.common = shared * size
	remain := high - low - shared // chunks behind the first own one, of all hosts
	if j.Index > remain {
		if shared == 0 {
			return share{empty: true}
		}
		s.first, s.last = j.Range.First%size, s.common-1
		return s
	}
	turns := (remain - j.Index) / j.Count // own chunks behind the first
	s.own = (low + shared + j.Index) * size
	if turns > 0 {
		s.jump = (j.Count - 1) * size // no overflow: there is such a nonce
	}
	if shared > 0 || j.Index == 0 {
		s.first = j.Range.First % size
	}
	s.last = s.common + turns*size + size - 1
	if j.Index+turns*j.Count == remain {
		s.last = s.common + turns*size + end
	}
	return s
}

// nonces is the share when nonces are dealt in turn.
func (j Job) nonces() share {
	r := j.Range
	span := r.Last - r.First
	s := share{chunk: j.chunk(), step: j.Count, start: r.First, own: r.First}
	shared := j.sharedSlots(0, span/s.chunk)
	if shared > span/s.chunk {
		s.step, s.last = 1, span
		return s
	}
	s.common = shared * s.chunk
	switch {
	case j.Index <= span-s.common:
		s.own = r.First + s.common + j.Index
		s.last = s.common + (r.Last-s.own)/j.Count
	case s.common > 0:
		s.last = s.common - 1
	default:
		return share{empty: true}
	}
	return s
}

// sharedSlots is how many slots hold the common nonces when the first begins offset terms late:
// at most one more than there are, which is last+1.
func (j Job) sharedSlots(offset, last uint64) uint64 {
	if j.Common == 0 || j.Count == 1 {
		return 0
	}
	slots := (j.Common-1)/j.chunk() + 1
	if (j.Common-1)%j.chunk()+offset >= j.chunk() {
		slots++
	}
	if slots > last {
		return last + 1
	}
	return slots
}

// nonce is what a term stands for.
func (s share) nonce(term uint64) uint64 {
	if term < s.common {
		return s.start + term
	}
	term -= s.common
	return s.own + term*s.step + term/s.chunk*s.jump
}

// stride is the distance between the nonces of the slot that a term is in.
func (s share) stride(term uint64) uint64 {
	if term < s.common {
		return 1
	}
	return s.step
}

// slotEnd is the last term of the slot that a term is in.
func (s share) slotEnd(term uint64) uint64 {
	return min(s.last-term, s.chunk-1-term%s.chunk) + term
}
