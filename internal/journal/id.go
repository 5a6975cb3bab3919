package journal

import (
	"crypto/rand"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const (
	idTime   = "20060102-150405"
	slugMax  = 24
	idLetter = "abcdefghijklmnopqrstuvwxyz234567" // 32 of them, so that a random byte picks without bias
)

var idShape = regexp.MustCompile(`^[0-9]{8}-[0-9]{6}-[a-z0-9]+(-[a-z0-9]+)*-[a-z2-7]{4}$`)

// NewID names a run of play, which may be a playbook's file name or a play's name:
// 20261122-141530-search-k7qz. Ids sort by time (UTC, to the second), need no quoting in
// shells, file names, tags and queue names, and are at most 45 characters long. Two made in the
// same second differ by chance alone; Create finds out if they do not.
func NewID(now time.Time, play string) string {
	random := make([]byte, 4)
	rand.Read(random) // never fails, by its documentation
	for i, b := range random {
		random[i] = idLetter[b%32]
	}
	return now.UTC().Format(idTime) + "-" + slug(play) + "-" + string(random)
}

// ValidID reports whether s has the shape of an id that NewID made.
func ValidID(s string) bool {
	return len(s) <= len(idTime)+1+slugMax+5 && idShape.MatchString(s)
}

// slug is the play's base name in lower-case ASCII letters, digits and single hyphens.
func slug(play string) string {
	base := filepath.Base(play)
	base = strings.TrimSuffix(strings.TrimSuffix(base, ".yaml"), ".yml")
	words := strings.FieldsFunc(strings.ToLower(base), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	s := strings.Join(words, "-")
	s = strings.TrimRight(s[:min(len(s), slugMax)], "-")
	if s == "" {
		return "play"
	}
	return s
}
