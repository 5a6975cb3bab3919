package miner

import "slices"

// Interval is the numbers First to Last, both included.
type Interval struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// cover is a set of numbers as intervals: ascending, and neither overlapping nor touching.
type cover []Interval

// add puts an interval into the set.
func (c *cover) add(i Interval) {
	at, _ := slices.BinarySearchFunc(*c, i, func(in, new Interval) int {
		if in.Last < new.First && new.First-in.Last > 1 {
			return -1
		}
		return 1
	})
	end := at
	for ; end < len(*c) && ((*c)[end].First <= i.Last || (*c)[end].First-i.Last == 1); end++ {
		i.First = min(i.First, (*c)[end].First)
		i.Last = max(i.Last, (*c)[end].Last)
	}
	*c = slices.Replace(*c, at, end, i)
}

// gaps is what of whole is not in the set.
func (c cover) gaps(whole Interval) cover {
	var gaps cover
	from := whole.First
	for _, in := range c {
		if in.Last < from {
			continue
		}
		if in.First > whole.Last {
			break
		}
		if in.First > from {
			gaps = append(gaps, Interval{from, in.First - 1})
		}
		if in.Last >= whole.Last {
			return gaps
		}
		from = in.Last + 1
	}
	return append(gaps, Interval{from, whole.Last})
}
