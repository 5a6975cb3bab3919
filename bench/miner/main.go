// Command miner, in bench, compares ways to search for golden nonces on one core of this machine.
//
//	go run ./bench/miner [-rounds 10] [-slot 300ms] [-csv FILE]
//
// Machines are shared and noisy, so only ratios within a run mean something: the contenders take
// turns, in short slots, for many rounds. A rate is the best of all bursts of about a
// millisecond, which is what the core gives when nobody else has it.
package main

import (
	"encoding/csv"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// contender is a way of hashing. Its rate is in nonces per second; 0 means that it is not there.
type contender struct {
	name   string
	about  string
	rate   func(slot time.Duration) (float64, error)
	inform bool // its unit is another: hashes of something else, for scale
}

// score is the best that a contender did in all rounds.
type score struct {
	contender
	best float64
}

func main() {
	rounds := flag.Int("rounds", 10, "how often everybody has a turn")
	slot := flag.Duration("slot", 300*time.Millisecond, "how long a turn is")
	file := flag.String("csv", "", "also write name, rate and ratio to this file")
	flag.Parse()
	scores, err := compete(contenders(), *rounds, *slot)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, %d processors, %s, %d rounds of %s\n\n", processorName(), runtime.NumCPU(), runtime.Version(), *rounds, *slot)
	print(scores)
	if *file != "" {
		if err := save(*file, scores); err != nil {
			log.Fatal(err)
		}
	}
}

func compete(all []contender, rounds int, slot time.Duration) ([]score, error) {
	var scores []score
	for _, c := range all {
		scores = append(scores, score{contender: c})
	}
	for range rounds {
		for i := range scores {
			rate, err := scores[i].rate(slot)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", scores[i].name, err)
			}
			scores[i].best = max(scores[i].best, rate)
		}
	}
	return scores, nil
}

// against is the first rate that a name has.
func against(scores []score, name string) float64 {
	for _, s := range scores {
		if s.name == name {
			return s.best
		}
	}
	return 0
}

func print(scores []score) {
	naive, python := against(scores, naiveName), against(scores, pythonName)
	fmt.Printf("%-14s %12s %10s %10s\n", "", "Mnonce/s", "x naive Go", "x Python")
	for _, s := range scores {
		switch {
		case s.best == 0:
			fmt.Printf("%-14s %12s %10s %10s  %s\n", s.name, "-", "-", "-", s.about)
		case s.inform:
			fmt.Printf("%-14s %12.2f %10s %10s  %s\n", s.name, s.best/1e6, "-", "-", s.about)
		default:
			fmt.Printf("%-14s %12.2f %10.2f %10.1f  %s\n", s.name, s.best/1e6, s.best/naive, s.best/python, s.about)
		}
	}
}

func save(file string, scores []score) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	w := csv.NewWriter(out)
	naive := against(scores, naiveName)
	_ = w.Write([]string{"name", "nonces_per_second", "times_naive_go"}) // Flush keeps the error
	for _, s := range scores {
		if s.best > 0 && !s.inform {
			_ = w.Write([]string{s.name, strconv.FormatFloat(s.best, 'f', 0, 64), strconv.FormatFloat(s.best/naive, 'f', 3, 64)})
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return err
	}
	return out.Close()
}

// processorName is as Linux tells it.
func processorName() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	var family, model, name string
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		switch key, value = strings.TrimSpace(key), strings.TrimSpace(value); key {
		case "cpu family":
			family = value
		case "model":
			model = value
		case "model name":
			name = value
		}
	}
	return fmt.Sprintf("%s (family %s, model %s)", name, family, model)
}
