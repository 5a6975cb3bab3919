package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What is committed is what the generator writes.
func TestGeneratedFilesAreUpToDate(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{
		{"-pkg", "miner", "-out", filepath.Join(dir, "assembly_amd64.s"), "-stubs", filepath.Join(dir, "assembly_amd64.go")},
		{"-arm64", filepath.Join(dir, "assembly_arm64.s")},
	} {
		if output, err := exec.Command("go", append([]string{"run", "."}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		written, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		committed, err := os.ReadFile(filepath.Join("..", file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(withoutCommand(written), withoutCommand(committed)) {
			t.Errorf("miner/%s is not what the generator writes: go generate ./miner", file.Name())
		}
	}
}

// withoutCommand leaves the line out in which avo tells how it was called.
func withoutCommand(file []byte) []byte {
	_, rest, _ := bytes.Cut(file, []byte("\n"))
	return rest
}
