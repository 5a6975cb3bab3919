package miner_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/gofab/gofab/miner"
)

// truth is one known answer: the smallest golden nonce at a difficulty.
type truth struct {
	scheme     miner.Scheme
	difficulty int
	nonce      uint64
	hash       string
}

func (t truth) puzzle() miner.Puzzle {
	return miner.Puzzle{Block: miner.DefaultBlock, Scheme: t.scheme, Bits: miner.BitsPerDigit * t.difficulty}
}

func (t truth) String() string { return fmt.Sprintf("%s/%d", t.scheme, t.difficulty) }

// truths reads the rows of testdata/truth.tsv that have a nonce.
func truths(t *testing.T) []truth {
	t.Helper()
	file, err := os.Open("testdata/truth.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var rows []truth
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 5 || fields[4] == "-" {
			continue
		}
		rows = append(rows, row(t, fields))
	}
	if len(rows) != 30 {
		t.Fatalf("testdata/truth.tsv has %d rows with a nonce, want 30", len(rows))
	}
	return rows
}

func row(t *testing.T, fields []string) truth {
	t.Helper()
	scheme, err := miner.ParseScheme(fields[0] + "-" + fields[1])
	if err != nil {
		t.Fatal(err)
	}
	difficulty, err := strconv.Atoi(fields[2])
	if err != nil {
		t.Fatal(err)
	}
	nonce, err := strconv.ParseUint(fields[3], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return truth{scheme, difficulty, nonce, fields[4]}
}

// run searches, which has to succeed.
func run(t *testing.T, job miner.Job, threads int) miner.Result {
	t.Helper()
	search, err := miner.NewSearch(job, miner.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	return search.Run(t.Context())
}

// Every kernel finds the smallest golden nonce, from 0 where that is quick, else from as far
// below it as the kernel's speed allows.
func TestTruth(t *testing.T) {
	t.Parallel()
	for _, kernel := range miner.Kernels() {
		if !kernel.Usable {
			continue
		}
		for _, want := range truths(t) {
			t.Run(kernel.Name+"/"+want.String(), func(t *testing.T) {
				t.Parallel()
				job := miner.Job{Puzzle: want.puzzle(), Count: 1, Range: miner.HalfOpen(want.nonce-min(want.nonce, 100_000), 1<<32)}
				search, err := miner.NewSearch(job, miner.Options{Threads: 1 + want.difficulty%3, Kernel: kernel.Name})
				if err != nil {
					t.Fatal(err)
				}
				got := search.Run(t.Context())
				hash := hex.EncodeToString(got.Hash[:])
				if !got.Found || got.Nonce != want.nonce || hash != want.hash {
					t.Errorf("got %d %s (found %t), want %d %s", got.Nonce, hash, got.Found, want.nonce, want.hash)
				}
			})
		}
	}
}

func TestHashAndZeroBits(t *testing.T) {
	t.Parallel()
	for _, want := range truths(t) {
		hash := want.puzzle().Hash(want.nonce)
		if got := hex.EncodeToString(hash[:]); got != want.hash {
			t.Errorf("%v: nonce %d: hash %s, want %s", want, want.nonce, got, want.hash)
		}
		zeros := len(want.hash) - len(strings.TrimLeft(want.hash, "0"))
		if got := miner.ZeroBits(hash) / miner.BitsPerDigit; got != zeros {
			t.Errorf("ZeroBits(%x) are %d digits", hash, got)
		}
	}
	if miner.ZeroBits([32]byte{}) != miner.MaxBits || miner.ZeroBits([32]byte{31: 1}) != miner.MaxBits-1 {
		t.Error("zeros at the end are miscounted")
	}
}
