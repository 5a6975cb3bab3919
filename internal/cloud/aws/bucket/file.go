package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
)

// file is a local file, as it was when it was measured: what is appended later, as to a log that
// is still written, is left out.
type file struct {
	*os.File
	size        int64
	sum         []byte // SHA-256
	contentType string
}

// weight is what uploading the file takes of the memory: a small one is read whole, by a reader
// that may take twice the size; of a large one a few parts are held, and the first that way.
func (f *file) weight() int64 {
	if f.size < partSize {
		return max(2*f.size, smallestLoad)
	}
	return min((partsAtOnce+3)*max(partSize, f.size/maxParts+1), memory)
}

// measure reads the file for its size, its sum and what it seems to be.
func (f *file) measure(ctx context.Context) error {
	head := make([]byte, 512) // as much as DetectContentType looks at
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	f.contentType = contentType(f.Name(), head[:n])
	sum := sha256.New()
	f.size, err = io.Copy(sum, untilDone{ctx, io.LimitReader(f.File, f.size)})
	f.sum = sum.Sum(nil)
	return err
}

// verified reads what was measured, and ends with an error if it is not that any more.
func (f *file) verified() io.Reader {
	return &verifier{file: f, r: io.LimitReader(f.File, f.size), sum: sha256.New()}
}

type verifier struct {
	file *file
	r    io.Reader
	sum  hash.Hash
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && !bytes.Equal(v.sum.Sum(nil), v.file.sum) {
		err = &changedError{v.file.Name()}
	}
	return n, err
}

// changedError is a file that is not what was measured any more.
type changedError struct{ name string }

func (e *changedError) Error() string { return e.name + " was changed while it was uploaded" }

// untilDone ends a copy between two reads when ctx ends.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (r untilDone) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}

const plainText = "text/plain; charset=utf-8"

// contentTypes are those that the tables of operating systems lack, or have their own ideas about.
var contentTypes = map[string]string{
	".csv": "text/csv; charset=utf-8", ".json": "application/json", ".jsonl": "application/jsonl", ".log": plainText,
	".md": "text/markdown; charset=utf-8", ".txt": plainText, ".yaml": "application/yaml", ".yml": "application/yaml",
}

// contentType goes by the name, and where that says nothing by the first bytes.
func contentType(name string, head []byte) string {
	ext := filepath.Ext(name)
	if t := contentTypes[ext]; t != "" {
		return t
	}
	if t := mime.TypeByExtension(ext); t != "" {
		return t
	}
	return http.DetectContentType(head)
}
