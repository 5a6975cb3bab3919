package miner

import (
	"errors"
	"reflect"
	"strconv"
)

// State is what a search has covered, so that another can go on: as JSON, it is the file of
// `miner --resume`. It fits the same share of the same job only; how many threads search it, with
// which kernel, and whether the smallest nonce is wanted may change.
type State struct {
	Block   string `json:"block"` // as a Go string literal: a block can be any bytes
	Scheme  string `json:"scheme"`
	Bits    int    `json:"bits"`
	Index   uint64 `json:"index"`
	Count   uint64 `json:"count"`
	First   uint64 `json:"first"`
	Last    uint64 `json:"last"`
	Chunk   uint64 `json:"chunk"`
	ByNonce bool   `json:"by_nonce"`
	Common  uint64 `json:"common"`
	// Covered is what was tested and found not to be golden. With one host and a range from 0 the
	// numbers are nonces; with several they count the terms of this host's share.
	Covered []Interval `json:"covered"`
}

// newState is the state of a job of which nothing is covered.
func newState(j Job) State {
	return State{
		Block: strconv.Quote(j.Block), Scheme: j.Scheme.String(), Bits: j.Bits,
		Index: j.Index, Count: j.Count, First: j.Range.First, Last: j.Range.Last,
		Chunk: j.chunk(), ByNonce: j.ByNonce, Common: j.Common,
	}
}

// State is a snapshot, at any time and from any goroutine.
func (s *Search) State() State {
	state := newState(s.job)
	s.mu.Lock()
	defer s.mu.Unlock()
	state.Covered = append([]Interval{}, s.done...)
	return state
}

// of is what the state covers of a job, which has to be the state's own.
func (s State) of(j Job) (cover, error) {
	covered := s.Covered
	s.Covered = nil
	if !reflect.DeepEqual(s, newState(j)) {
		return nil, errors.New("the state to resume is of another search (block, scheme, difficulty, range, index, count, chunk or common differ): " +
			"give the flags of that search, or another file to --resume")
	}
	var done cover
	whole := j.share()
	for _, in := range covered {
		if in.First > in.Last || whole.empty || in.First < whole.first || in.Last > whole.last {
			return nil, errors.New("the state to resume covers what is not there: the file is broken, remove it")
		}
		done.add(in)
	}
	return done, nil
}
