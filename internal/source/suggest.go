package source

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// Suggest answers a word that nobody knows with the known word that was probably meant, as
// `did you mean "x"?`, or with "" when none is near. Another case (n for N) and other
// separators (run_parallel for run-parallel) come first, then typing slips, then a word
// that was cut short (env for environment).
func Suggest(word string, known []string) string {
	best, bestRank := "", noMatch
	for _, k := range known {
		if rank := distance(word, k); rank < bestRank {
			best, bestRank = k, rank
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

const (
	longestWord = 64 // what is longer was not a slip of the finger
	cutShort    = 10
	noMatch     = 11
)

// distance ranks how near two words are: 0 is the same but for case and separators.
func distance(word, known string) int {
	if word == known || len(word) > longestWord || len(known) > longestWord {
		return noMatch
	}
	a, b := fold(word), fold(known)
	if a == b {
		return 0
	}
	slips := levenshtein.ComputeDistance(a, b)
	if swapped(a, b) {
		slips = 1
	}
	if slips <= tolerance(utf8.RuneCountInString(a)) {
		return slips
	}
	if len(a) >= 3 && strings.HasPrefix(b, a) {
		return cutShort
	}
	return noMatch
}

// tolerance is the number of slips at which a word of n letters is still recognizable.
func tolerance(n int) int {
	switch {
	case n < 3:
		return 0
	case n < 6:
		return 1
	case n < 9:
		return 2
	}
	return 3
}

var separators = strings.NewReplacer("-", "", "_", "", " ", "")

func fold(s string) string { return separators.Replace(strings.ToLower(s)) }

// swapped tells whether exchanging two neighbours makes a into b, which is one slip of the
// fingers and not the two that Levenshtein counts.
func swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) - 1 {
		if a[i] != b[i] {
			return a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
		}
	}
	return false
}
