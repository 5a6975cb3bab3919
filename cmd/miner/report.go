package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/gofab/gofab/miner"
)

// record is the result as --json prints it. Nonce and hash are null when none was found, covered
// when nothing was. The nonce is a JSON integer even above 2^53, where a reader that uses doubles
// would round it.
type record struct {
	Nonce     *uint64 `json:"nonce"`
	Hash      *string `json:"hash"`
	Tried     uint64  `json:"tried"`
	Seconds   float64 `json:"seconds"`
	Rate      float64 `json:"rate"`    // nonces per second; 0 when no time passed
	Covered   *string `json:"covered"` // first..last: of this host's share all tested, none golden
	Exhausted bool    `json:"exhausted"`
}

// report writes the result as one line, in one write.
func report(w io.Writer, o options, r miner.Result) error {
	if !o.json {
		text := line(r)
		if !r.Found {
			text += ", " + coverage(o.job, r.Covered)
		}
		_, err := io.WriteString(w, text+"\n")
		return err
	}
	out := record{Tried: r.Tried, Seconds: r.Elapsed.Seconds(), Rate: r.Rate(), Exhausted: r.Covered.Exhausted}
	if r.Found {
		hash := hex.EncodeToString(r.Hash[:])
		out.Nonce, out.Hash = &r.Nonce, &hash
	}
	if !r.Covered.Empty {
		covered := interval(r.Covered)
		out.Covered = &covered
	}
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// line is the result in words: `golden nonce N hash H tried T in S s (R)`, or `none tried …`.
func line(r miner.Result) string {
	what := "none"
	if r.Found {
		what = fmt.Sprintf("golden nonce %d hash %x", r.Nonce, r.Hash)
	}
	return fmt.Sprintf("%s tried %d in %.3f s (%s)", what, r.Tried, r.Elapsed.Seconds(), rateText(r.Tried, r.Elapsed))
}

// coverage is how far the search has come in words, for one of several hosts with its share.
func coverage(j miner.Job, c miner.Covered) string {
	share := ""
	if j.Count > 1 {
		share = fmt.Sprintf(" (share %d of %d)", j.Index, j.Count)
	}
	switch {
	case c.Exhausted && c.Empty:
		return "exhausted, the range is empty"
	case c.Exhausted:
		return "exhausted, " + interval(c) + " covered" + share
	case c.Empty:
		return "nothing covered" + share
	}
	return "covered " + interval(c) + " without holes" + share
}

func interval(c miner.Covered) string { return fmt.Sprintf("%d..%d", c.First, c.Last) }

// rateText is nonces per second with one decimal and the unit that leaves one to three digits
// before it: "0 /s", "640 /s", "12.5 k/s", "3.1 M/s", "1.0 G/s". The steps are thousands.
func rateText(tried uint64, elapsed time.Duration) string {
	rate := miner.Rate(tried, elapsed)
	switch {
	case rate < 999.5:
		return fmt.Sprintf("%.0f /s", rate)
	case rate < 999.95e3:
		return fmt.Sprintf("%.1f k/s", rate/1e3)
	case rate < 999.95e6:
		return fmt.Sprintf("%.1f M/s", rate/1e6)
	}
	return fmt.Sprintf("%.1f G/s", rate/1e9)
}
