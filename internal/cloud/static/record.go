package static

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofab/gofab/internal/cloud"
)

// record is the file that says what a run has borrowed.
func (p *Provider) record(run string) string { return filepath.Join(p.Root, run, "borrowed.json") }

func (p *Provider) read(run string) ([]cloud.Machine, error) {
	data, err := os.ReadFile(p.record(run))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var machines []cloud.Machine
	if err := json.Unmarshal(data, &machines); err != nil {
		return nil, fmt.Errorf("%s: %w", p.record(run), err)
	}
	return machines, nil
}

// write remembers the machines, without their passwords.
func (p *Provider) write(run string, machines []cloud.Machine) error {
	public := make([]cloud.Machine, len(machines))
	for i, m := range machines {
		m.Login.Password = ""
		public[i] = m
	}
	data, err := json.MarshalIndent(public, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(p.record(run)), 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(p.record(run)), ".borrowed-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	if err := errors.Join(err, temp.Close()); err != nil {
		os.Remove(temp.Name())
		return err
	}
	return os.Rename(temp.Name(), p.record(run))
}
