package payload

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
)

// unpack writes the content of a gzip file to dst.
func unpack(data []byte, dst string) error {
	reader, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("the miner inside gofab: %w", err)
	}
	file, err := os.Create(dst)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, reader)
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("unpack the miner inside gofab: %w", err)
	}
	return nil
}
