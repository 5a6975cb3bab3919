package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/gofab/gofab/miner"
)

const usage = `usage: miner --difficulty D [flags]
       miner --kernels

Searches for a golden nonce: one for which
sha256(hex(sha256(nonce in decimal + block))) begins with D zero hex digits.
The nonces from A to B-1 are dealt to N hosts in chunks: host I tests the chunks
I, I+N, I+2N, ... and reports the smallest golden nonce among them.

  --difficulty D    zero hex digits, 1 to 64 (this or --bits is required)
  --bits B          difficulty in zero bits, 1 to 256
  --scheme S        prefix-hex (default), prefix-raw, suffix-hex or suffix-raw: the nonce before
                    or after the block, the hex text or the bytes of the first hash hashed again
  --block S         text after (or before) the nonce (default COMSM0010cloud)

  --index I         which of the hosts this is, from 0 (default 0)
  --count N         how many hosts share the nonces (default 1)
  --start A         first nonce (default 0)
  --end B           one after the last nonce (default 4294967296, at most 18446744073709551616)
  --common K        the first K nonces are tested by every host: an easy search then has one
                    answer, whichever host is first (default 0)
  --chunk C         nonces in a chunk, a multiple of 10000 (default 10000)
  --stride nonce    deal single nonces: host I tests A+I, A+I+N, ... (slower; default chunk)

  --threads T       threads, 0 for all cores (default 1)
  --kernel NAME     how to hash (default: the fastest that works here); --kernels lists and
                    times them
  --smallest=false  report the first golden nonce that any thread meets, not the smallest
  --time-limit 200s give up after this time (default 0: never)
  --stdin           give up at the end of stdin
  --resume FILE     go on where FILE says; it is written every second and at the end

  --log FILE        append start, progress, result and the reason of the end to FILE
  --progress 1s     time between the progress lines in the log, 0 for none (default 1s)
  --announce 5s     time between lines "@progress FRACTION ..." on stderr (default 0: none)
  --json            print the result as one JSON object: nonce, hash, tried, seconds, rate,
                    covered, exhausted

Flags may be written --flag value or --flag=value.
Exit code: 0 found, 1 none found (exhausted, time limit, stdin, SIGTERM, SIGINT or SIGHUP),
2 trouble.
`

// options is the command line. It is fixed: scripts rely on it.
type options struct {
	job        miner.Job
	difficulty int
	start      uint64 // the range as it was given, for the log
	end        string
	search     miner.Options
	kernels    bool
	timeLimit  time.Duration
	stdin      bool
	resume     string
	log        string
	progress   time.Duration
	announce   time.Duration
	json       bool
}

// parse reads the command line and reports all that is wrong with the values, joined.
func parse(args []string) (options, error) {
	o := options{job: miner.Job{Count: 1}, end: "4294967296", search: miner.Options{Threads: 1}, progress: time.Second}
	f := o.flags()
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, fmt.Errorf("%w; miner --help lists the flags", err)
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q; miner --help lists the flags", f.Arg(0))
	}
	if o.kernels {
		return o, nil
	}
	hardness := o.hardness(given(f, "difficulty"), given(f, "bits"))
	var err error
	o.job.Range, err = between(o.start, o.end)
	return o, errors.Join(hardness, o.job.Validate(), err)
}

// flags binds the command line to the options.
func (o *options) flags() *flag.FlagSet {
	f := flag.NewFlagSet("miner", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.IntVar(&o.difficulty, "difficulty", 0, "")
	f.IntVar(&o.job.Bits, "bits", 0, "")
	f.Func("scheme", "", func(name string) (err error) {
		o.job.Scheme, err = miner.ParseScheme(name)
		return err
	})
	f.StringVar(&o.job.Block, "block", miner.DefaultBlock, "")
	f.Func("index", "", decimal(&o.job.Index))
	f.Func("count", "", decimal(&o.job.Count))
	f.Func("start", "", decimal(&o.start))
	f.StringVar(&o.end, "end", o.end, "")
	f.Func("common", "", decimal(&o.job.Common))
	f.Func("chunk", "", decimal(&o.job.Chunk))
	f.Func("stride", "", stride(&o.job.ByNonce))
	f.IntVar(&o.search.Threads, "threads", o.search.Threads, "")
	f.StringVar(&o.search.Kernel, "kernel", "", "")
	f.BoolVar(&o.kernels, "kernels", false, "")
	f.BoolFunc("smallest", "", func(text string) error {
		smallest, err := strconv.ParseBool(text)
		o.search.FirstFound = !smallest
		return err
	})
	f.Func("time-limit", "", duration(&o.timeLimit))
	f.BoolVar(&o.stdin, "stdin", false, "")
	f.StringVar(&o.resume, "resume", "", "")
	f.StringVar(&o.log, "log", "", "")
	f.Func("progress", "", duration(&o.progress))
	f.Func("announce", "", duration(&o.announce))
	f.BoolVar(&o.json, "json", false, "")
	return f
}

// hardness turns --difficulty into bits. After an error the bits are such that nobody complains
// about them again.
func (o *options) hardness(difficulty, bits bool) error {
	var err error
	switch {
	case difficulty && bits:
		err = errors.New("--difficulty and --bits say the same; give one of them")
	case bits:
		return nil
	case !difficulty:
		err = errors.New("no difficulty given; add --difficulty D, 1 to 64, or --bits B, 1 to 256")
	case o.difficulty < 1 || o.difficulty > miner.MaxDifficulty:
		err = fmt.Errorf("difficulty %d: a hash has %d hex digits, choose 1 to %d", o.difficulty, miner.MaxDifficulty, miner.MaxDifficulty)
	default:
		o.job.Bits = miner.BitsPerDigit * o.difficulty
		return nil
	}
	o.job.Bits = 1
	return err
}

func given(f *flag.FlagSet, name string) bool {
	found := false
	f.Visit(func(g *flag.Flag) { found = found || g.Name == name })
	return found
}

// decimal reads a count. Unlike flag.Uint64 it has no octal: 010 is ten.
func decimal(into *uint64) func(string) error {
	return func(text string) error {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return errors.New("write a whole number from 0 to 18446744073709551615")
		}
		*into = n
		return nil
	}
}

// stride reads what is dealt in turn.
func stride(byNonce *bool) func(string) error {
	return func(text string) error {
		if text != "chunk" && text != "nonce" {
			return errors.New("choose chunk or nonce")
		}
		*byNonce = text == "nonce"
		return nil
	}
}

func duration(into *time.Duration) func(string) error {
	return func(text string) error {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return errors.New("write a time such as 200s, 1.5s or 2m")
		}
		*into = d
		return nil
	}
}

// between is the range from start to before end, which may be 2^64 and so is read as text.
func between(start uint64, end string) (miner.Range, error) {
	const beyond = "18446744073709551616"
	if end == beyond {
		return miner.Range{First: start, Last: math.MaxUint64}, nil
	}
	n, err := strconv.ParseUint(end, 10, 64)
	if err != nil {
		return miner.Range{}, fmt.Errorf("invalid value %q for flag -end: write a whole number from 0 to %s", end, beyond)
	}
	if start > n {
		return miner.Range{}, fmt.Errorf("start %d is above end %d: the nonces are start to end-1, choose an end of at least %d", start, n, start)
	}
	return miner.HalfOpen(start, n), nil
}
