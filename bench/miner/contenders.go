package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"math"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gofab/gofab/miner"
)

const (
	naiveName  = "naive-go"
	pythonName = "python"
)

//go:embed loop.py
var loop string

func contenders() []contender {
	all := []contender{
		{name: naiveName, about: "a Go loop over crypto/sha256 that does not allocate", rate: naiveGo},
		{name: pythonName, about: "a Python loop over hashlib", rate: python},
	}
	puzzle := miner.Puzzle{Block: miner.DefaultBlock, Bits: miner.MaxBits}
	for _, k := range miner.Kernels() {
		if !k.Usable {
			continue
		}
		all = append(all, contender{name: k.Name, about: k.About, rate: func(slot time.Duration) (float64, error) {
			return k.Measure(puzzle, 1, slot), nil
		}})
	}
	best := miner.Kernels()[0]
	all = append(all,
		contender{name: best.Name + "-x2", about: "the same on two cores at once", rate: func(slot time.Duration) (float64, error) {
			return best.Measure(puzzle, 2, slot), nil
		}},
		contender{name: "openssl", about: "million blocks of 64 bytes a second in openssl speed sha256: three make a nonce", rate: openssl, inform: true},
		contender{name: "john", about: "John the Ripper's dynamic_63, the same function", rate: john},
		contender{name: "cpuminer", about: "cpuminer-opt's sha256t, three compressions as well", rate: cpuminer},
	)
	return all
}

// naiveGo is what a Go programmer writes who knows that allocations cost.
func naiveGo(slot time.Duration) (best float64, err error) {
	const burst = 1000
	message := make([]byte, 0, 64)
	text := make([]byte, 2*sha256.Size)
	nonce := uint64(1_000_000_000)
	for end := time.Now().Add(slot); time.Now().Before(end); {
		began := time.Now()
		for range burst {
			message = append(strconv.AppendUint(message[:0], nonce, 10), miner.DefaultBlock...)
			first := sha256.Sum256(message)
			hex.Encode(text, first[:])
			second := sha256.Sum256(text)
			if miner.ZeroBits(second) == miner.MaxBits {
				return 0, fmt.Errorf("%d solves what has no solution", nonce)
			}
			nonce++
		}
		best = max(best, burst/time.Since(began).Seconds())
	}
	return best, nil
}

func python(slot time.Duration) (float64, error) {
	if _, err := exec.LookPath("python3"); err != nil {
		return 0, nil
	}
	output, err := exec.Command("python3", "-c", loop, fmt.Sprint(slot.Seconds())).Output()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(strings.TrimSpace(string(output)), 64)
}

// openssl hashes 16 KiB at a time, which are 256 blocks and next to nothing else.
func openssl(slot time.Duration) (float64, error) {
	seconds := fmt.Sprint(math.Ceil(slot.Seconds()))
	return tool(regexp.MustCompile(`(?m)^sha256 +([\d.]+)k`), 1000.0/64, "openssl", "speed", "-seconds", seconds, "-bytes", "16384", "sha256")
}

func john(time.Duration) (float64, error) {
	return tool(regexp.MustCompile(`(?m)^Many salts:\s+([\d.]+)K c/s`), 1000, "john", "--test=1", "--format=dynamic_63")
}

func cpuminer(time.Duration) (float64, error) {
	return tool(regexp.MustCompile(`(?m)([\d.]+) kH/s\s*$`), 1000, "cpuminer", "-a", "sha256t", "--benchmark", "--threads=1", "--time-limit=2")
}

// tool runs a program, if it is there, and reads a rate from what it writes.
func tool(rate *regexp.Regexp, unit float64, name string, args ...string) (float64, error) {
	if _, err := exec.LookPath(name); err != nil {
		return 0, nil
	}
	output, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, bytes.TrimSpace(output))
	}
	found := rate.FindSubmatch(output)
	if found == nil {
		return 0, fmt.Errorf("no rate in %q", output)
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	return n * unit, err
}
